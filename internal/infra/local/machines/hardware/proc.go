package hardware

import (
	"fmt"
	"strings"
)

// rewriteCPUInfo gives the host's /proc/cpuinfo for n processors: the host's
// own descriptions, repeated where it has fewer, numbered anew as cores of
// one socket.
func rewriteCPUInfo(host string, n int) string {
	var blocks []string
	for block := range strings.SplitSeq(strings.TrimSpace(host), "\n\n") {
		if strings.HasPrefix(block, "processor") {
			blocks = append(blocks, block)
		}
	}
	if len(blocks) == 0 { // an architecture that lists no processors one by one
		return host
	}
	var b strings.Builder
	for i := range n {
		for line := range strings.SplitSeq(blocks[i%len(blocks)], "\n") {
			name, _ := column(line)
			switch name {
			case "processor", "core id", "apicid", "initial apicid":
				line = renumber(line, i)
			case "physical id":
				line = renumber(line, 0)
			case "siblings", "cpu cores":
				line = renumber(line, n)
			}
			b.WriteString(line)
			b.WriteByte('\n')
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func renumber(line string, n int) string {
	head, _, _ := strings.Cut(line, ":")
	return fmt.Sprintf("%s: %d", head, n)
}

// rewriteMemInfo gives the host's /proc/meminfo for a machine of mb MiB: all
// of it free, no swap, and nothing of the host's own use.
func rewriteMemInfo(host string, mb int) string {
	kb := mb * 1024
	var b strings.Builder
	for line := range strings.Lines(host) {
		name, ok := column(line)
		if !ok {
			continue
		}
		value := 0
		switch name {
		case "MemTotal", "MemFree", "MemAvailable", "CommitLimit":
			value = kb
		case "Hugepagesize", "VmallocTotal":
			b.WriteString(line)
			continue
		}
		unit := ""
		if strings.HasSuffix(strings.TrimSpace(line), " kB") {
			unit = " kB"
		}
		fmt.Fprintf(&b, "%-16s%8d%s\n", name+":", value, unit)
	}
	return b.String()
}
