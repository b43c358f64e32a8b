package machines

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/hanok/hanok/internal/infra"
)

// Restore sets a worker to every machine that is not where it is meant to be:
// after a reboot of the host, or when this process was killed at work. What
// runs is left alone, and watched over from now on. It is to be called once.
func (m *Manager) Restore(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, e := range m.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.record.Want == wantRunning && !e.busy && e.record.Machine.Status != infra.MachineBuild {
			init, err := m.running(id)
			if err != nil {
				return err
			}
			if init == nil {
				e.record.setStatus(infra.MachineBuild, "")
			}
		}
		if e.record.Want == wantStopped && e.record.Machine.Status == infra.MachineShutoff {
			continue
		}
		m.kick(e)
	}
	m.workers.Go(m.watchVolumes)
	return nil
}

// Destroy removes every machine with its volume, and all else that Open and
// the machines made on the host. The Manager is closed by it.
func (m *Manager) Destroy(ctx context.Context) error {
	m.Close()
	var failed error
	for id, e := range m.entries {
		if err := m.remove(ctx, id); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		m.forget(e)
	}
	if failed != nil {
		return fmt.Errorf("some machines are still there; try again: %w", failed)
	}
	err := Remove(ctx, m.cfg.InstallationID)
	return errors.Join(err, os.RemoveAll(m.machinesDir()), os.RemoveAll(m.agentDir()))
}
