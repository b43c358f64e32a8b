package machines

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// TestBuildUsers: a machine uses the build that its containerd was seeded
// from; one that is off may use any build that is older than itself.
func TestBuildUsers(t *testing.T) {
	b := newBench(t, nil)
	seeded, bare := b.active(), b.active()
	spec := b.spec()
	spec.Role = hanok.RoleMaster
	master := b.await(b.create(spec).ID, infra.MachineActive)
	blobs := "/var/lib/containerd/io.containerd.content.v1.content/blobs/sha256"
	b.sh(seeded.ID, "mkdir -p "+blobs+" && ln -s /opt/hanok/bundles/.builds/v1.30.3-abc/containerd-seed/io.containerd.content.v1.content/blobs/sha256/ff "+blobs+"/ff")
	check := func(latest time.Time, want map[string]int) {
		t.Helper()
		got, err := BuildUsers(b.cfg.InstallationID, b.cfg.StateDir, latest)
		if err != nil || len(got) != len(want) {
			t.Fatalf("users %v, %v, want %v", got, err, want)
		}
		for build, n := range want {
			if len(got[build]) != n {
				t.Errorf("build %q is used by %q, want %d", build, got[build], n)
			}
		}
	}
	before, after := seeded.CreatedAt.Add(-time.Second), time.Now().Add(time.Second)
	check(before, map[string]int{"v1.30.3-abc": 1})       // bare has found the latest
	check(after, map[string]int{"v1.30.3-abc": 1, "": 1}) // bare may be about to link
	for _, v := range []infra.Machine{seeded, bare, master} {
		if err := b.m.Stop(v.ID); err != nil {
			t.Fatal(err)
		}
		b.await(v.ID, infra.MachineShutoff)
	}
	check(before, nil)
	check(after, map[string]int{"": 2})
}

// TestBuildProcesses: a program that runs out of a build uses it.
func TestBuildProcesses(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), ".builds", "v1.30.3-running", "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "/bin/sleep", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(filepath.Join(dir, "sleep"), "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	users, err := BuildProcesses()
	if err != nil || !slices.ContainsFunc(users["v1.30.3-running"], func(u string) bool { return strings.Contains(u, "(sleep)") }) {
		t.Errorf("users %v, %v", users, err)
	}
}
