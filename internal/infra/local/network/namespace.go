package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// inNamespace runs fn on a thread of its own inside a network namespace:
// sockets, /proc/sys/net and child processes of fn are there. fn must not
// start goroutines that need the namespace. "" is the caller's namespace.
func inNamespace(path string, fn func() error) error {
	if path == "" {
		return fn()
	}
	target, err := netns.GetFromPath(path)
	if err != nil {
		return fmt.Errorf("open network namespace %s: %w", path, err)
	}
	defer target.Close()
	return enter(target, fn)
}

func enter(target netns.NsHandle, fn func() error) error {
	done := make(chan error, 1)
	go func() {
		done <- onThread(func() error {
			if err := netns.Set(target); err != nil {
				return fmt.Errorf("enter a network namespace: %w", err)
			}
			return fn()
		})
	}()
	return <-done
}

// onThread runs fn locked to its thread and brings the thread back to its
// network namespace. A thread that cannot come back stays locked and ends
// with the calling goroutine.
func onThread(fn func() error) error {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open the thread's network namespace: %w", err)
	}
	defer home.Close()
	err = fn()
	if netns.Set(home) == nil {
		runtime.UnlockOSThread()
	}
	return err
}

// ensureNamespace makes a network namespace that is held by a mount at path,
// and tells whether it is new.
func ensureNamespace(path string) (created bool, err error) {
	if isNamespace(path) {
		return false, nil
	}
	unlock, err := holdNamespacesDir(filepath.Dir(path))
	if err != nil {
		return false, err
	}
	defer unlock()
	if err := os.WriteFile(path, nil, 0o444); err != nil {
		return false, fmt.Errorf("make network namespace: %w", err)
	}
	done := make(chan error, 1)
	go func() {
		done <- onThread(func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("make network namespace %s: %w", path, err)
			}
			if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
				return fmt.Errorf("hold network namespace at %s: %w", path, err)
			}
			return nil
		})
	}()
	if err := <-done; err != nil {
		return false, errors.Join(err, removeNamespace(path))
	}
	return true, nil
}

// isNamespace tells a held namespace from the bare file that a crash leaves.
func isNamespace(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Type == unix.NSFS_MAGIC
}

// removeNamespace lets a namespace go: the kernel clears it when no process
// is left inside. Removing what is not there is success.
func removeNamespace(path string) error {
	for range 8 { // mounts may lie upon each other
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			break
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove network namespace: %w", err)
	}
	return nil
}

// handle is a netlink connection into one namespace. An open one keeps the
// namespace alive.
type handle struct {
	*netlink.Handle
	ns netns.NsHandle
}

// openHandle connects to the namespace held at path; "" is the caller's own.
func openHandle(path string, families ...int) (*handle, error) {
	if len(families) == 0 {
		families = []int{unix.NETLINK_ROUTE}
	}
	ns := netns.None()
	if path != "" {
		var err error
		if ns, err = netns.GetFromPath(path); err != nil {
			return nil, fmt.Errorf("open network namespace %s: %w", path, err)
		}
	}
	h, err := netlink.NewHandleAt(ns, families...)
	if err != nil {
		if ns.IsOpen() {
			ns.Close()
		}
		return nil, fmt.Errorf("connect to the network of %s: %w", path, err)
	}
	return &handle{Handle: h, ns: ns}, nil
}

func (h *handle) Close() {
	h.Handle.Close()
	if h.ns.IsOpen() {
		h.ns.Close()
	}
}

// within runs fn inside the handle's namespace.
func (h *handle) within(fn func() error) error {
	if !h.ns.IsOpen() { // the caller's own
		return fn()
	}
	return enter(h.ns, fn)
}
