package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// leafCgroup holds the agent and its processes on cgroup v2.
const leafCgroup = "hanok"

// divideCgroup makes the machine's cgroup v2 fit for kubelet: controllers can
// be handed to children only by a cgroup that has no process of its own, so
// every process moves to a leaf. With cgroup v1 there is nothing to do.
func divideCgroup(root string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(root, &fs); err != nil {
		return fmt.Errorf("%s: %w", root, err)
	}
	if fs.Type != unix.CGROUP2_SUPER_MAGIC {
		return nil
	}
	leaf := filepath.Join(root, leafCgroup)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("cgroup of the agent: %w", err)
	}
	// What forks between reading and moving is found in the next round.
	for range 10 {
		pids, err := os.ReadFile(filepath.Join(root, "cgroup.procs"))
		if err != nil {
			return fmt.Errorf("processes of the machine's cgroup: %w", err)
		}
		fields := strings.Fields(string(pids))
		if len(fields) == 0 {
			break
		}
		for _, pid := range fields {
			if pid == "0" {
				continue // of another process namespace: not ours to move
			}
			err := os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte(pid), 0)
			if err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("move process %s to cgroup %s: %w", pid, leafCgroup, err)
			}
		}
	}
	controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("controllers of the machine's cgroup: %w", err)
	}
	var failures []error
	for _, c := range strings.Fields(string(controllers)) {
		// One by one: a controller that cannot be handed on keeps none of the others back.
		if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+"+c), 0); err != nil {
			failures = append(failures, fmt.Errorf("hand on cgroup controller %s: %w", c, err))
		}
	}
	return errors.Join(failures...)
}
