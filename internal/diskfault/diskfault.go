// Package diskfault says what a failure of the disk means to a user: which
// file system it is, what is wrong with it, and what to do.
package diskfault

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok"
)

// faults are the errors of a file system that a program can do nothing about.
var faults = []error{unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EIO}

// Is tells whether err comes from a disk that is full, read-only or broken:
// the same may succeed once somebody has seen to the disk.
func Is(err error) bool {
	for _, f := range faults {
		if errors.Is(err, f) {
			return true
		}
	}
	return false
}

// Explain makes of such an error, met below dir, a *hanok.Error of
// KindUnavailable that names the file system; err is its cause. Any other
// error, and nil, comes back as it is.
func Explain(dir string, err error) error {
	if !Is(err) {
		return err
	}
	return &hanok.Error{Kind: hanok.KindUnavailable, Detail: detail(dir, err), Err: err}
}

func detail(dir string, err error) string {
	where := fmt.Sprintf("the file system of %s", dir)
	var st unix.Statfs_t
	known := unix.Statfs(dir, &st) == nil
	if known {
		where = fmt.Sprintf("the file system at %s (%.1f GiB), with %s,", mountPoint(dir), float64(st.Blocks)*float64(st.Bsize)/(1<<30), dir)
	}
	// What fails for want of space, or comes after a remount, may be reported
	// as an I/O error; the file system itself knows better.
	switch {
	case errors.Is(err, unix.EROFS), known && st.Flags&unix.ST_RDONLY != 0:
		return where + " is read-only: see the kernel's log for the cause, and mount it for writing again"
	case errors.Is(err, unix.ENOSPC), known && st.Bavail == 0:
		return where + " is full: make room there and try again"
	case errors.Is(err, unix.EDQUOT):
		return where + " has a quota that is used up: raise it or make room there, and try again"
	}
	return where + " fails to read or write: see the kernel's log for the cause, and try again"
}

// mountPoint gives the directory that dir's file system is mounted on.
func mountPoint(dir string) string {
	dir = filepath.Clean(dir)
	var st, above unix.Stat_t
	for dir != "/" && unix.Stat(dir, &st) == nil && unix.Stat(filepath.Dir(dir), &above) == nil && st.Dev == above.Dev {
		dir = filepath.Dir(dir)
	}
	return dir
}
