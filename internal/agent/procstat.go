package agent

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// procStat is what the agent reads of /proc/<pid>/stat.
type procStat struct {
	parent    int
	startTime uint64 // clock ticks since the kernel booted
}

func readProcStat(pid int) (procStat, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return procStat{}, err
	}
	return parseProcStat(b)
}

// parseProcStat reads from behind the command name, which may hold spaces
// and parentheses of its own.
func parseProcStat(b []byte) (procStat, error) {
	rest := b
	if i := bytes.LastIndexByte(b, ')'); i >= 0 {
		rest = b[i+1:]
	}
	fields := bytes.Fields(rest)
	const parent, startTime = 1, 19 // fields 4 and 22, counted from field 3
	if len(fields) <= startTime {
		return procStat{}, fmt.Errorf("%q is no process status", b)
	}
	ppid, err := strconv.Atoi(string(fields[parent]))
	if err != nil {
		return procStat{}, err
	}
	start, err := strconv.ParseUint(string(fields[startTime]), 10, 64)
	return procStat{parent: ppid, startTime: start}, err
}
