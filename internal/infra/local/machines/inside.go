package machines

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// tunables are kernel settings of the whole host that a kubelet sets unless
// they are so already. A machine sees them as the kubelet wants them, so that
// no kubelet changes how the host panics or commits memory.
var tunables = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// furnish completes the mounts of a machine whose PID 1 waits to be started:
// the tunables, which the runtime would not mount where they belong, and
// shared propagation, which it sets too early to last.
func furnish(init initProcess, runDir string) error {
	dir := filepath.Join(runDir, "tunables")
	trees := map[string]int{}
	defer func() {
		for _, fd := range trees {
			unix.Close(fd)
		}
	}()
	for name, value := range tunables {
		if _, err := os.Stat(filepath.Join("/proc/sys", name)); err != nil {
			continue
		}
		file := filepath.Join(dir, strings.ReplaceAll(name, "/", "."))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		// A mount of its own, attached nowhere: it can be carried into the
		// machine's namespace, where the file itself cannot be named.
		fd, err := unix.OpenTree(unix.AT_FDCWD, file, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return fmt.Errorf("open_tree of %s (Linux 5.2 or newer is needed): %w", file, err)
		}
		trees["/proc/sys/"+name] = fd
	}
	return inMountNamespace(init, func() error {
		for target, fd := range trees {
			if err := unix.MoveMount(fd, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
				return fmt.Errorf("mounting on %s: %w", target, err)
			}
		}
		if err := unix.Mount("", "/", "", unix.MS_SHARED|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("making the mounts shared: %w", err)
		}
		return nil
	})
}

// inMountNamespace runs f on a thread that is in the mount namespace of a
// process and sees its root.
func inMountNamespace(p initProcess, f func() error) error {
	return onOwnThread(func() error {
		ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", p.pid))
		if err != nil {
			return err
		}
		defer ns.Close()
		if !p.alive() {
			return fmt.Errorf("process %d has ended", p.pid)
		}
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("entering the mount namespace of process %d: %w", p.pid, err)
		}
		return f()
	})
}

// onOwnThread runs f, which may move its thread to other namespaces for good,
// on a thread that ends with it.
func onOwnThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the runtime ends the thread with the goroutine.
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			done <- f()
			return
		}
		// The first thread cannot end, and /proc/self speaks of its
		// namespaces. While it is held here, a goroutine finds another.
		done <- onOwnThread(f)
		runtime.UnlockOSThread()
	}()
	return <-done
}
