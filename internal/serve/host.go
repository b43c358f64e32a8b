package serve

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mayLowerOOMScore tells whether this process, and so the machines that it
// makes, may lower oom_score_adj (CAP_SYS_RESOURCE): in containers and in CI
// often not.
func mayLowerOOMScore() bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(status)) {
		if caps, ok := strings.CutPrefix(line, "CapEff:"); ok {
			set, err := strconv.ParseUint(strings.TrimSpace(caps), 16, 64)
			return err == nil && set&(1<<unix.CAP_SYS_RESOURCE) != 0
		}
	}
	return false
}
