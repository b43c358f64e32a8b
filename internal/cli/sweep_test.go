package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/infra/local"
	"github.com/hanok/hanok/internal/serve"
)

// TestStateOf: the state directory of a removed installation may be another's
// by now, and must not be removed as the first one's.
func TestStateOf(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "installation"), []byte("bbbbbb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	notes := []serve.Installation{{ID: "aaaaaa", StateDir: dir}, {ID: "bbbbbb", StateDir: dir}, {ID: "cccccc", StateDir: dir + "-gone"}}
	for id, want := range map[string]string{"aaaaaa": "", "bbbbbb": dir, "cccccc": "", "dddddd": ""} {
		if got := stateOf(id, notes); got != want {
			t.Errorf("state of %s: %q, want %q", id, got, want)
		}
	}
}

// TestRemoveStateStopsAtMounts: what is mounted in a state directory must not
// be emptied with it.
func TestRemoveStateStopsAtMounts(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("mounts: needs root")
	}
	dir, precious := filepath.Join(t.TempDir(), "state"), t.TempDir()
	file := filepath.Join(precious, "file")
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "volume"), 0o700), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	mounted := filepath.Join(dir, "volume")
	if err := unix.Mount(precious, mounted, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(mounted, unix.MNT_DETACH) })
	if err := removeState(dir); err == nil || !strings.Contains(err.Error(), mounted) {
		t.Errorf("got %v, want an error that names the mount", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the mounted file: %v", err)
	}
	if err := unix.Unmount(mounted, 0); err != nil {
		t.Fatal(err)
	}
	if err := removeState(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory remains: %v", err)
	}
}

// TestOrphanDirs: what a killed test or benchmark left of temporary files is
// found and removed; that of one which runs is not touched.
func TestOrphanDirs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("looks at the whole host: needs root")
	}
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(temp, fmt.Sprintf("hanok-test-%d-bench-images-123", ended.Process.Pid))
	mine := filepath.Join(temp, fmt.Sprintf("hanok-test-%d-bench-images-123", os.Getpid()))
	for _, dir := range []string{left, mine} {
		if err := os.MkdirAll(filepath.Join(dir, "blobs"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	found, err := (&sweepFlags{orphans: true}).find()
	if err != nil {
		t.Fatal(err)
	}
	named := func(dir string) bool {
		return slices.ContainsFunc(found, func(l local.Leftover) bool { return l.Name == dir })
	}
	if !named(left) || named(mine) {
		t.Errorf("found %v, want %s and not %s", found, left, mine)
	}
	if err := removeOrphanDirs(t.Context(), temp); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(temp); err != nil || len(entries) != 1 || entries[0].Name() != filepath.Base(mine) {
		t.Errorf("left: %v, %v; want %s alone", entries, err, mine)
	}
}
