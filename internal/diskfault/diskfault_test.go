package diskfault

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	other := errors.New("something else")
	if got := Explain("/", other); got != other {
		t.Errorf("an error that is not the disk's became %v", got)
	}
	if got := Explain("/", nil); got != nil {
		t.Errorf("no error became %v", got)
	}
	dir := t.TempDir()
	for errno, want := range map[unix.Errno]string{
		unix.ENOSPC: "is full: make room there",
		unix.EDQUOT: "quota",
		unix.EROFS:  "is read-only",
		unix.EIO:    "fails to read or write",
	} {
		err := fmt.Errorf("saving: %w", &os.PathError{Op: "write", Path: "x", Err: errno})
		got := Explain(dir, err)
		var e *hanok.Error
		if !errors.As(got, &e) || e.Kind != hanok.KindUnavailable || !errors.Is(got, errno) || !Is(got) {
			t.Errorf("%v became %#v", errno, got)
			continue
		}
		if !strings.Contains(e.Detail, want) || !strings.Contains(e.Detail, dir) {
			t.Errorf("%v: %q does not say %q of %s", errno, e.Detail, want, dir)
		}
	}
}

// TestFullFileSystem: a file system knows better than an I/O error that it is
// full, and is named by where it is mounted.
func TestFullFileSystem(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("mounts: needs root")
	}
	mnt := t.TempDir()
	if err := unix.Mount("tmpfs", mnt, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(mnt, unix.MNT_DETACH) })
	dir := filepath.Join(mnt, "a", "b")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	err := os.WriteFile(filepath.Join(dir, "large"), make([]byte, 1<<20), 0o600)
	if !Is(err) {
		t.Fatalf("writing too much: %v", err)
	}
	if got := Explain(dir, unix.EIO).Error(); !strings.Contains(got, "at "+mnt+" (") || !strings.Contains(got, "is full") {
		t.Errorf("%q does not say that %s is full", got, mnt)
	}
	if err := unix.Mount("", mnt, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if got := Explain(dir, unix.EIO).Error(); !strings.Contains(got, "is read-only") {
		t.Errorf("%q does not say that %s is read-only", got, mnt)
	}
}
