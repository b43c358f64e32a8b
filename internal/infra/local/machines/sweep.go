package machines

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/infra/local/machines/cgroup"
	"github.com/hanok/hanok/internal/infra/local/machines/disk"
)

// Leftover is something on the host that belongs to an installation.
type Leftover struct {
	Kind         string // "process", "mount", "loop device", "cgroup", "directory", "host setting"
	Name         string
	Installation string
}

// Found lists what machines of an installation are on the host, running or
// left behind; "" means all installations. It goes by names alone, so it needs
// no state directory.
func Found(inst string) ([]Leftover, error) {
	groups, err := cgroup.Detect()
	if err != nil {
		return nil, err
	}
	var list []Leftover
	for _, i := range installations(groups) {
		if inst != "" && i != inst {
			continue
		}
		of, err := foundOf(i, groups)
		if err != nil {
			return nil, err
		}
		list = append(list, of...)
	}
	return list, nil
}

func foundOf(inst string, groups cgroup.Host) ([]Leftover, error) {
	var list []Leftover
	add := func(kind, name string) { list = append(list, Leftover{Kind: kind, Name: name, Installation: inst}) }
	pids, err := processes(inst, groups)
	if err != nil {
		return nil, err
	}
	for _, pid := range pids {
		add("process", strconv.Itoa(pid))
	}
	points, err := disk.Mounts(runDir(inst))
	if err != nil {
		return nil, err
	}
	for _, p := range points {
		add("mount", p)
	}
	loops, err := loopsOf(inst)
	if err != nil {
		return nil, err
	}
	for _, l := range loops {
		add("loop device", l.Device+" of "+l.Backing)
	}
	if groups.Exists(cgroupOf(inst)) {
		add("cgroup", cgroupOf(inst))
	}
	if _, err := os.Stat(runDir(inst)); err == nil {
		add("directory", runDir(inst))
	}
	if slices.Contains(hostSettingsUsers(), inst) {
		add("host setting", filepath.Join(runRoot, hostSettingsFile))
	}
	return list, nil
}

// Remove removes what Found finds of one installation. Volumes' files stay:
// they lie in the state directory.
func Remove(ctx context.Context, inst string) error {
	if !installationRE.MatchString(inst) {
		return fmt.Errorf("installation id %q: six hex digits are needed", inst)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	groups, err := cgroup.Detect()
	if err != nil {
		return err
	}
	if err := endRuntimes(ctx, inst); err != nil {
		return err
	}
	group := cgroupOf(inst)
	if err := groups.Kill(ctx, group); err != nil {
		return err
	}
	if err := groups.Remove(ctx, group); err != nil {
		return err
	}
	if err := disk.Unmount(ctx, runDir(inst)); err != nil {
		return err
	}
	// Before the devices: see clear.
	if err := os.RemoveAll(runDir(inst)); err != nil {
		return err
	}
	loops, err := loopsOf(inst)
	if err != nil {
		return err
	}
	for _, l := range loops {
		if err := disk.Detach(ctx, l.Backing); err != nil {
			return err
		}
	}
	err = restoreHostSettings(inst)
	_ = os.Remove(runRoot) // succeeds with the last installation
	return err
}

// installations lists the ids that occur in any of the names.
func installations(groups cgroup.Host) []string {
	seen := map[string]bool{}
	note := func(id string) {
		if installationRE.MatchString(id) {
			seen[id] = true
		}
	}
	for _, name := range groups.Matching("hanok-") {
		note(strings.TrimPrefix(name, "hanok-"))
	}
	if dirs, err := os.ReadDir(runRoot); err == nil {
		for _, d := range dirs {
			note(d.Name())
		}
	}
	if loops, err := disk.Loops(func(string) bool { return true }); err == nil {
		for _, l := range loops {
			name := filepath.Base(l.Backing)
			note(strings.TrimSuffix(strings.TrimPrefix(name, "hanok-"), ".img"))
		}
	}
	for _, user := range hostSettingsUsers() {
		note(user)
	}
	ids := make([]string, 0, len(seen))
	for id := range seen {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func loopsOf(inst string) ([]disk.Loop, error) {
	return disk.Loops(func(backing string) bool { return filepath.Base(backing) == volumeName(inst) })
}

// processes lists the installation's processes: those in its control groups,
// and calls of the runtime for it that have none yet.
func processes(inst string, groups cgroup.Host) ([]int, error) {
	pids, err := groups.Processes(cgroupOf(inst))
	if err != nil {
		return nil, err
	}
	for _, pid := range runtimeCalls(inst) {
		if !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// runtimeCalls finds processes with "--root <the installation's>" in their
// arguments, and one of the verbs too where any are given.
func runtimeCalls(inst string, verbs ...string) []int {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var pids []int
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		args := strings.Split(string(raw), "\x00")
		root := slices.Index(args, "--root")
		if root < 0 || root+1 == len(args) || args[root+1] != runtimeRoot(inst) ||
			len(verbs) > 0 && !slices.ContainsFunc(verbs, func(v string) bool { return slices.Contains(args, v) }) {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(file, "/")[2]); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// endRuntimes ends calls of the runtime, with these verbs where any are given,
// that outlived the service that made them, and waits for their end. The init
// process that one may have made ends with it or is in the machine's control
// group.
func endRuntimes(ctx context.Context, inst string, verbs ...string) error {
	for _, pid := range runtimeCalls(inst, verbs...) {
		start, _, err := stat(pid)
		if err != nil {
			continue // it has ended
		}
		p := initProcess{pid: pid, start: start}
		if err := p.signal(unix.SIGKILL); err != nil {
			return err
		}
		if err := p.wait(ctx); err != nil {
			return fmt.Errorf("process %d, a call of the runtime, does not end: %w", pid, err)
		}
	}
	return nil
}
