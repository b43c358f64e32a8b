package machines

import (
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/infra/local/machines/disk"
)

const (
	// reviveInterval is the time between two looks at the volumes.
	reviveInterval = 10 * time.Second
	// reviveRoom is how much must be free for volumes to be worth another try.
	reviveRoom = disk.GiB / 4
)

// watchVolumes revives machines until the Manager is closed.
func (m *Manager) watchVolumes() {
	tick := time.NewTicker(reviveInterval)
	defer tick.Stop()
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-tick.C:
			if err := m.revive(); err != nil {
				m.log.Warn("cannot look for volumes that turned read-only", "error", err)
			}
		}
	}
}

// revive ends the machines that the kernel took a file system from because
// its volume could not be written, once there is room below the volumes again:
// as machines that ended by themselves they are started anew, with the file
// system mounted anew, and later each time that this does not help.
func (m *Manager) revive() error {
	points, err := disk.TurnedReadOnly(m.runDir)
	if err != nil || len(points) == 0 {
		return err
	}
	if free, _, err := m.host.disk(m.cfg.StateDir); err != nil || free < reviveRoom {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, e := range m.entries {
		if e.record.Want != wantRunning || e.busy || e.watching == nil {
			continue
		}
		for _, p := range points {
			if !strings.HasPrefix(p, m.runOf(id)+"/") {
				continue
			}
			m.log.Warn("a machine's file system turned read-only; starting the machine again", "machine", id, "name", e.record.Machine.Name, "mount", p)
			if err := e.watching.signal(unix.SIGKILL); err != nil {
				return err
			}
			break
		}
	}
	return nil
}
