package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

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
