package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// traces looks on the host for what carries an installation's id or lies in
// its state directory, by other means than hanok's own.
func traces(id, stateDir string) []string {
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

// A service and a test that were killed leave everything behind; the sweep
// for orphans finds it by name and removes it, and touches nobody else's.
func TestSweepAfterTheTestWasKilled(t *testing.T) {
	t.Parallel()
	neighbour := startService(t)
	left := startService(t)
	left.create(t, left.request("left"))
	left.kill(t)
	if len(traces(left.installation(), left.dir)) == 0 {
		t.Fatal("a killed service left no trace to sweep")
	}
	id := left.installation()
	left.hanok(t, "sweep", "--installation", id)
	if found := traces(id, left.dir); len(found) > 0 {
		t.Errorf("the sweep left\n%s", strings.Join(found, "\n"))
	}
	// The neighbour works on.
	c := neighbour.create(t, neighbour.request("neighbour"))
	neighbour.delete(t, c.uuid)
}
