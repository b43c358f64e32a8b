// Package disk makes block volumes of a real size out of sparse files: an
// ext4 file system in a file, on a loop device, mounted.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// GiB in bytes.
const GiB = 1 << 30

// Create makes a volume of size bytes at path. The file takes up only what is
// written to it, so the caller accounts for the rest. It is complete or
// absent, whenever the process dies; one that exists is left as it is.
func Create(ctx context.Context, path string, size int64) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	// Names of their own: a mkfs that outlived its killed parent may still
	// write to the file of the last attempt.
	stale, _ := filepath.Glob(path + ".*.partial")
	for _, s := range stale {
		os.Remove(s)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.partial")
	if err != nil {
		return fmt.Errorf("making a volume: %w", err)
	}
	partial := f.Name()
	defer os.Remove(partial)
	if err := setSize(f, size); err != nil {
		return fmt.Errorf("making a volume of %d bytes at %s: %w", size, path, err)
	}
	// A new sparse file reads as zeros, so nothing needs to be written for
	// inode tables and journal, now or later by the kernel.
	mkfs := exec.CommandContext(ctx, "mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=32",
		"-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1,assume_storage_prezeroed=1", partial)
	if out, err := mkfs.CombinedOutput(); err != nil {
		return fmt.Errorf("mkfs.ext4 on %s (Debian package e2fsprogs): %w: %s", path, err, strings.TrimSpace(string(out)))
	}
	if err := os.Rename(partial, path); err != nil {
		return fmt.Errorf("making a volume: %w", err)
	}
	return nil
}

// CreateBlank makes a volume of size bytes, all zeros, at path; one that
// exists is left as it is.
func CreateBlank(_ context.Context, path string, size int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		err = setSize(f, size)
	}
	if err != nil {
		return fmt.Errorf("making a volume of %d bytes at %s: %w", size, path, err)
	}
	return nil
}

// setSize gives an open file its size and closes it.
func setSize(f *os.File, size int64) error {
	err := f.Truncate(size)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// Mount mounts the volume at path on dir, which it makes; success when it is
// mounted there already. Mounts made below dir stay out of the host's view.
func Mount(ctx context.Context, path, dir, label string) error {
	if mounted, err := Mounted(dir); err != nil || mounted {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	loop, err := attach(ctx, path, label, unix.LO_FLAGS_AUTOCLEAR)
	if err != nil {
		return err
	}
	// The device detaches itself when its last user has gone: until the
	// mount holds it, that is this descriptor.
	defer loop.Close()
	if err := unix.Mount(loop.Name(), dir, "ext4", unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mounting %s (%s) on %s: %w", path, loop.Name(), dir, err)
	}
	return private(dir)
}

// Overlay mounts an overlay of the read-only tree lower and the directories
// upper and work on dir, which it makes; success when dir is mounted already.
func Overlay(lower, upper, work, dir string) error {
	if mounted, err := Mounted(dir); err != nil || mounted {
		return err
	}
	for _, d := range []string{upper, work, dir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	for _, d := range []string{lower, upper, work} {
		if strings.ContainsAny(d, ",:\\") {
			return fmt.Errorf("the path %s holds a comma, colon or backslash, which overlay mounts cannot have; choose another directory", d)
		}
	}
	options := "lowerdir=" + lower + ",upperdir=" + upper + ",workdir=" + work
	if err := unix.Mount("overlay", dir, "overlay", 0, options); err != nil {
		return fmt.Errorf("mounting an overlay of %s on %s: %w", lower, dir, err)
	}
	return private(dir)
}

// private keeps what a machine mounts below dir from coming back to the host:
// the host's mounts may be shared, and the machine makes its own shared.
func private(dir string) error {
	if err := unix.Mount("", dir, "", unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the mount %s private: %w", dir, err)
	}
	return nil
}

// Allocated gives the bytes that the file at path takes up now; 0 when there is none.
func Allocated(path string) (int64, error) {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return st.Blocks * 512, err
}

// Free gives the bytes available in, and the whole size of, the file system of dir.
func Free(dir string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("asking for the free space of %s: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, nil
}

// SameFileSystem tells whether two existing paths lie on one file system.
func SameFileSystem(a, b string) bool {
	var sa, sb unix.Stat_t
	return unix.Stat(a, &sa) == nil && unix.Stat(b, &sb) == nil && sa.Dev == sb.Dev
}

// SyncFS makes all of the file system that dir lies on durable.
func SyncFS(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("writing the file system of %s to the disk: %w", dir, err)
	}
	return nil
}

// Sync makes the entries of a directory durable.
func Sync(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
