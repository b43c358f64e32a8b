package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Kill ends every process in the groups at path and below with SIGKILL, and
// returns when none is left. It is success when there are none.
func (h Host) Kill(ctx context.Context, path string) error {
	for {
		pids, err := h.Processes(path)
		if err != nil || len(pids) == 0 {
			return err
		}
		h.thaw(path)
		for _, pid := range pids {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && err != unix.ESRCH {
				return fmt.Errorf("ending process %d of cgroup %s: %w", pid, path, err)
			}
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("processes %v of cgroup %s do not end: %w", pids, path, err)
		}
	}
}

// thaw wakes frozen groups: on version 1 a frozen process does not even die.
func (h Host) thaw(path string) {
	for _, mount := range h.Mounts {
		_ = filepath.WalkDir(filepath.Join(mount, path), func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				for file, word := range map[string]string{"freezer.state": "THAWED", "cgroup.freeze": "0"} {
					if f, err := os.OpenFile(filepath.Join(p, file), os.O_WRONLY, 0); err == nil {
						_, _ = f.WriteString(word)
						f.Close()
					}
				}
			}
			return nil
		})
	}
}

// Remove removes the groups at path and below from all hierarchies. They must
// hold no process; one that is just ending is waited for until ctx ends. It is
// success when they are gone already.
func (h Host) Remove(ctx context.Context, path string) error {
	for _, mount := range h.Mounts {
		for {
			err := removeTree(filepath.Join(mount, path))
			if err == nil {
				break
			}
			if !errors.Is(err, unix.EBUSY) {
				return fmt.Errorf("removing a cgroup: %w", err)
			}
			if waited := pause(ctx); waited != nil {
				return fmt.Errorf("removing a cgroup: %w (%w)", err, waited)
			}
		}
	}
	return nil
}

// removeTree removes the directories, deepest first: the files in them go with them.
func removeTree(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, p)
		}
		return ignoreGone(err)
	})
	if err != nil {
		return err
	}
	for _, d := range slices.Backward(dirs) {
		if err := os.Remove(d); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// pause waits a moment between two looks at the kernel's state.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(2 * time.Millisecond):
		return nil
	}
}
