// Package cgroup finds, empties and removes the control groups of machines,
// in version 1, version 2 and hybrid hierarchies alike. Creating them and
// setting limits is the container runtime's work.
package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// root is where hierarchies are mounted.
const root = "/sys/fs/cgroup"

// Host is the set of hierarchies of this host.
type Host struct {
	// Mounts are the mount points of all hierarchies: the one of version 2,
	// or each controller's and the named ones.
	Mounts []string
	// Unified tells a host with version 2 alone.
	Unified bool
	// Swap tells that swap can be limited, which version 1 can be built without.
	Swap bool
}

// Detect reads the hierarchies from the mount table of this process.
func Detect() (Host, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return Host{}, err
	}
	defer f.Close()
	var h Host
	for s := bufio.NewScanner(f); s.Scan(); {
		point, kind, ok := hierarchy(s.Text())
		if !ok {
			continue
		}
		h.Mounts = append(h.Mounts, point)
		if point == root && kind == "cgroup2" {
			h.Unified = true
		}
	}
	if len(h.Mounts) == 0 {
		return Host{}, fmt.Errorf("no cgroup hierarchy is mounted below %s: machines need one to be limited", root)
	}
	_, err = os.Stat(filepath.Join(root, "memory", "memory.memsw.limit_in_bytes"))
	h.Swap = h.Unified || err == nil
	return h, nil
}

// hierarchy reads one line of mountinfo: "… mount-point options … - type source …".
func hierarchy(line string) (point, kind string, ok bool) {
	left, right, found := strings.Cut(line, " - ")
	if !found {
		return "", "", false
	}
	fields := strings.Fields(left)
	kind, _, _ = strings.Cut(right, " ")
	if len(fields) < 5 || kind != "cgroup" && kind != "cgroup2" {
		return "", "", false
	}
	point = fields[4]
	return point, kind, point == root || strings.HasPrefix(point, root+"/")
}

// Processes lists the processes in the groups at path ("/hanok-x/y") and
// below, over all hierarchies. Ones that end meanwhile may be among them.
func (h Host) Processes(path string) ([]int, error) {
	seen := map[int]bool{}
	var pids []int
	for _, mount := range h.Mounts {
		err := filepath.WalkDir(filepath.Join(mount, path), func(p string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return ignoreGone(err)
			}
			raw, err := os.ReadFile(filepath.Join(p, "cgroup.procs"))
			if err != nil {
				return ignoreGone(err)
			}
			for _, word := range strings.Fields(string(raw)) {
				pid, err := strconv.Atoi(word)
				// 0 stands for a process outside of our pid namespace.
				if err == nil && pid > 0 && !seen[pid] {
					seen[pid] = true
					pids = append(pids, pid)
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("listing the processes of cgroup %s: %w", path, err)
		}
	}
	return pids, nil
}

// Exists tells whether any hierarchy has a group at path.
func (h Host) Exists(path string) bool {
	for _, mount := range h.Mounts {
		if _, err := os.Stat(filepath.Join(mount, path)); err == nil {
			return true
		}
	}
	return false
}

// Matching lists the names of top groups that begin with prefix.
func (h Host) Matching(prefix string) []string {
	seen := map[string]bool{}
	var names []string
	for _, mount := range h.Mounts {
		entries, err := os.ReadDir(mount)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if e.IsDir() && strings.HasPrefix(e.Name(), prefix) && !seen[e.Name()] {
				seen[e.Name()] = true
				names = append(names, e.Name())
			}
		}
	}
	return names
}

// ignoreGone drops the errors of groups that were removed during a walk.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}
