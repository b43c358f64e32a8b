package agent

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// unifiedRoot finds cgroup v2 on this host, hybrid or pure.
func unifiedRoot(t *testing.T) string {
	t.Helper()
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var fs unix.Statfs_t
		if unix.Statfs(root, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
			return root
		}
	}
	t.Skip("this host has no cgroup v2")
	return ""
}

func TestDivideCgroup(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root for cgroups")
	}
	t.Parallel()
	own := filepath.Join(unifiedRoot(t), "hanok-test-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Skipf("cgroups cannot be made here: %v", err)
	}
	cmd := exec.Command("/bin/sleep", "100")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for _, dir := range []string{filepath.Join(own, leafCgroup), own} {
			if err := os.Remove(dir); err != nil && !os.IsNotExist(err) {
				t.Error(err)
			}
		}
	})
	pid := strconv.Itoa(cmd.Process.Pid)
	if err := os.WriteFile(filepath.Join(own, "cgroup.procs"), []byte(pid), 0); err != nil {
		t.Skipf("processes cannot be moved here: %v", err)
	}
	for range 2 { // the second time as an agent that replaced itself
		if err := divideCgroup(own); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(own, name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	if got := read(leafCgroup + "/cgroup.procs"); got != pid {
		t.Errorf("the leaf holds %q, want %s", got, pid)
	}
	if got := read("cgroup.procs"); got != "" {
		t.Errorf("the cgroup still holds %q", got)
	}
	if has, on := read("cgroup.controllers"), read("cgroup.subtree_control"); has != on {
		t.Errorf("controllers %q, handed on %q", has, on)
	}
}

func TestDivideCgroupLeavesVersionOneAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() // whatever it is, it is no cgroup v2
	if err := divideCgroup(dir); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("%v", entries)
	}
}
