package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Traces looks on the host for what carries an installation's id or lies in
// its state directory, by other means than hanok's own.
func Traces(id, stateDir string) []string {
	var found []string
	note := func(kind, text string) {
		for line := range strings.Lines(text) {
			if strings.Contains(line, id) || strings.Contains(line, stateDir) {
				found = append(found, kind+": "+strings.TrimSpace(line))
			}
		}
	}
	output := func(name string, args ...string) string {
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			return fmt.Sprintf("%s %s of %s: %v: %s", name, strings.Join(args, " "), id, err, out)
		}
		return string(out)
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	note("mount", string(mounts))
	note("loop device", output("losetup", "--all", "--noheadings", "--output", "NAME,BACK-FILE"))
	note("namespace", output("ip", "netns", "list"))
	note("interface", output("ip", "-o", "link"))
	note("table", output("nft", "list", "tables"))
	for _, pattern := range []string{"/sys/fs/cgroup/hanok-*", "/sys/fs/cgroup/*/hanok-*"} {
		dirs, _ := filepath.Glob(pattern)
		note("cgroup", strings.Join(dirs, "\n"))
	}
	cgroups, _ := filepath.Glob("/proc/[0-9]*/cgroup")
	for _, path := range cgroups {
		content, _ := os.ReadFile(path)
		if strings.Contains(string(content), "hanok-"+id) && !zombie(filepath.Dir(path)) {
			found = append(found, "process: "+path)
		}
	}
	return found
}

// zombie tells whether a process has ended, and only waits for the host's
// first process to take notice.
func zombie(proc string) bool {
	stat, err := os.ReadFile(proc + "/stat")
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}
