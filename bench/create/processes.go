package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const agentName = "hanok agent"

// process is one process of a machine, with its share of the host's memory in
// bytes: pages that several processes map count for each in part.
type process struct {
	PID     int    `json:"pid"`
	Machine string `json:"machine"` // its id
	Name    string `json:"name"`
	memory
}

// memory is a proportional set size, and what it is made of. What is neither
// is shared memory.
type memory struct {
	PSS  int64 `json:"pss"`
	Anon int64 `json:"anon"`
	File int64 `json:"file"`
}

func (m *memory) add(other memory) {
	m.PSS += other.PSS
	m.Anon += other.Anon
	m.File += other.File
}

// processesOf lists the processes in the control groups of an installation's
// machines, with their pods' processes.
func processesOf(installation string) ([]process, error) {
	inGroup := regexp.MustCompile(`/hanok-` + installation + `/([0-9a-f-]{36})`)
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var all []process
	for _, dir := range dirs {
		groups, err := os.ReadFile(filepath.Join(dir, "cgroup"))
		if err != nil {
			continue // it has ended
		}
		m := inGroup.FindSubmatch(groups)
		if m == nil {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(dir))
		p := process{PID: pid, Machine: string(m[1]), Name: nameOf(dir)}
		if p.memory, err = memoryOf(pid); gone(err) {
			continue
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// nameOf gives a short name of a process; the multi-call program goes by its
// component.
func nameOf(dir string) string {
	line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
	argv := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
	name := filepath.Base(strings.TrimSuffix(argv[0], ":"))
	switch {
	case len(argv) > 1 && name == "kube":
		return argv[1]
	case len(argv) > 1 && name == "hanok":
		return name + " " + argv[1]
	case strings.HasPrefix(name, "sshd"):
		return "sshd"
	}
	return name
}

func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) }

// memoryOf reads a process's proportional set size.
func memoryOf(pid int) (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return memory{}, err
	}
	return parseRollup(text)
}

func parseRollup(text []byte) (memory, error) {
	var m memory
	fields := map[string]*int64{"Pss:": &m.PSS, "Pss_Anon:": &m.Anon, "Pss_File:": &m.File}
	found := 0
	s := bufio.NewScanner(bytes.NewReader(text))
	for s.Scan() {
		words := strings.Fields(s.Text())
		if len(words) != 3 || fields[words[0]] == nil {
			continue
		}
		kib, err := strconv.ParseInt(words[1], 10, 64)
		if err != nil {
			return memory{}, fmt.Errorf("smaps_rollup: %q: %w", s.Text(), err)
		}
		*fields[words[0]] = kib << 10
		found++
	}
	if found != len(fields) {
		return memory{}, errors.New("smaps_rollup does not tell Pss, Pss_Anon and Pss_File (Linux 5.4 or newer does)")
	}
	return m, nil
}
