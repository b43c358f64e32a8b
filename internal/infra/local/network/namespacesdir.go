package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// namespacesDir is where iproute2 looks too, so that `ip netns` shows ours.
const namespacesDir = "/run/netns"

// mountNote lies beside the directory while its mount is one of ours.
func mountNote(dir string) string { return dir + ".hanok" }

// holdNamespacesDir makes dir a shared mount point as iproute2 does, and keeps
// it so until unlock. If it were not one, the first `ip netns add` would lay
// a mount over our namespaces, and they could not be removed any more.
func holdNamespacesDir(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make %s: %w", dir, err)
	}
	if unlock, err = lockDir(dir); err != nil {
		return nil, err
	}
	share := func() error { return unix.Mount("", dir, "none", unix.MS_SHARED|unix.MS_REC, "") }
	if share() == nil {
		return unlock, nil
	}
	err = os.WriteFile(mountNote(dir), nil, 0o600)
	if err == nil {
		err = unix.Mount(dir, dir, "none", unix.MS_BIND|unix.MS_REC, "")
	}
	if err == nil {
		err = share()
	}
	if err != nil {
		unlock()
		return nil, fmt.Errorf("make %s a shared mount point: %w", dir, err)
	}
	return unlock, nil
}

// releaseNamespacesDir undoes our mount when nobody's namespace is left.
func releaseNamespacesDir(dir string) error {
	if _, err := os.Stat(mountNote(dir)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer unlock()
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		return err
	}
	for unix.Unmount(dir, unix.MNT_DETACH) == nil { // until it is no mount point
	}
	for _, path := range []string{mountNote(dir), dir} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTEMPTY) {
			return fmt.Errorf("remove the directory of network namespaces: %w", err)
		}
	}
	return nil
}

// lockDir takes the lock that iproute2 takes, too.
func lockDir(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	}
	if err == nil {
		err = flock(d)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() { d.Close() }, nil
}

// flock waits for the lock of an open file, which closing it gives back.
func flock(f *os.File) error {
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
