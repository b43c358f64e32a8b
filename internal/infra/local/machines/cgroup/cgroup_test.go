package cgroup

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

func TestHierarchy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line, point, kind string
		ok                bool
	}{
		{"32 31 0:28 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu", "/sys/fs/cgroup/cpu", "cgroup", true},
		{"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw", "/sys/fs/cgroup", "cgroup2", true},
		{"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755", "", "", false},
		{"90 23 0:26 / /mnt/other/cgroup rw - cgroup2 cgroup2 rw", "", "", false},
		{"broken", "", "", false},
	} {
		point, kind, ok := hierarchy(tt.line)
		if ok != tt.ok || ok && (point != tt.point || kind != tt.kind) {
			t.Errorf("hierarchy(%q) = %q, %q, %v", tt.line, point, kind, ok)
		}
	}
}

// TestKillAndRemove makes nested groups in every hierarchy of the host with a
// process in each, one of them frozen.
func TestKillAndRemove(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes control groups")
	}
	h, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	path := fmt.Sprintf("/hanok-c%05x", os.Getpid()&0xfffff)
	t.Cleanup(func() { _ = h.Remove(context.Background(), path) })

	for i, mount := range h.Mounts {
		dir := filepath.Join(mount, path, "machine", "pod")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		fillCpuset(t, mount, path)
		cmd := exec.Command("sleep", "300")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { _ = cmd.Wait() }()
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0); err != nil {
			_ = cmd.Process.Kill()
			t.Fatalf("hierarchy %d: %v", i, err)
		}
		_ = os.WriteFile(filepath.Join(dir, "freezer.state"), []byte("FROZEN"), 0)
	}
	pids, err := h.Processes(path)
	if err != nil || len(pids) != len(h.Mounts) {
		t.Fatalf("Processes = %v, %v, want %d of them", pids, err, len(h.Mounts))
	}
	if !h.Exists(path) || len(h.Matching(path[1:])) != 1 {
		t.Error("the groups are not found by name")
	}
	if err := h.Kill(ctx, path); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.Remove(ctx, path); err != nil {
			t.Fatal(err)
		}
	}
	if h.Exists(path) {
		t.Error("groups remain")
	}
}

// fillCpuset gives the groups of a version 1 cpuset hierarchy what its root has.
func fillCpuset(t *testing.T, mount, path string) {
	t.Helper()
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		raw, err := os.ReadFile(filepath.Join(mount, file))
		if err != nil {
			continue
		}
		for _, dir := range []string{path, path + "/machine", path + "/machine/pod"} {
			if err := os.WriteFile(filepath.Join(mount, dir, file), raw, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
}
