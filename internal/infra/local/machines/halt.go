package machines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/infra/local/machines/disk"
)

// haltUnlessGone halts a machine, but no longer than until it is to be deleted.
func (m *Manager) haltUnlessGone(ctx context.Context, e *entry, id string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m.mu.Lock()
	if e.record.Want == wantGone {
		cancel()
	}
	e.hurry = cancel
	m.mu.Unlock()
	m.halt(ctx, id)
	m.mu.Lock()
	e.hurry = nil
	m.mu.Unlock()
}

// halt asks a running machine to end, and waits for it as long as StopGrace
// allows. What does not end is for clear.
func (m *Manager) halt(ctx context.Context, id string) {
	init, err := m.running(id)
	if init == nil || err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, m.cfg.StopGrace)
	defer cancel()
	// The kernel keeps from a PID 1 what it does not handle (yet).
	for !init.catches(unix.SIGTERM) && init.alive() {
		select {
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.Canceled) {
				m.log.Warn("machine has a PID 1 that cannot be asked to stop", "machine", id)
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	for init.alive() {
		if err := init.signal(unix.SIGTERM); err != nil {
			m.log.Warn("machine could not be asked to stop", "machine", id, "error", err)
			return
		}
		heard, cancel := context.WithTimeout(ctx, askAgain)
		err := init.wait(heard)
		cancel()
		if err != nil && ctx.Err() != nil {
			if errors.Is(ctx.Err(), context.Canceled) {
				return
			}
			m.log.Warn("machine did not stop when asked", "machine", id, "grace", m.cfg.StopGrace)
			return
		}
	}
}

// askAgain is the time between two requests to stop. One may get lost: in a
// machine that has just started, the process that catches the signal can
// still be the runtime's, and when that becomes PID 1's own program at this
// very moment, the kernel drops what was pending.
const askAgain = 250 * time.Millisecond

// clear takes away all of a machine but its volume and its network: its
// processes, at once, its mounts, control groups and run-time files. Success
// when there is nothing.
func (m *Manager) clear(ctx context.Context, id string) error {
	if init, err := m.created(id); err == nil && init != nil {
		// With PID 1 the kernel ends every process of the pid namespace.
		if err := init.signal(unix.SIGKILL); err != nil {
			return err
		}
		if err := init.wait(ctx); err != nil {
			return fmt.Errorf("machine %s does not end: %w", id, err)
		}
	}
	group := m.cgroupOf(id)
	if err := m.cgroups.Kill(ctx, group); err != nil {
		return err
	}
	// The runtime's own clean-up would be this and a program start.
	if err := os.RemoveAll(m.runtimeOf(id)); err != nil {
		return err
	}
	if err := m.cgroups.Remove(ctx, group); err != nil {
		return err
	}
	if err := disk.Unmount(ctx, m.runOf(id)); err != nil {
		return err
	}
	// Mount namespaces that others made meanwhile ("unshare -m", "ip netns
	// exec") have copies of the mounts, which hold the volumes' devices for as
	// long as they last. The kernel drops them when the mount points go.
	if err := os.RemoveAll(m.runOf(id)); err != nil {
		return err
	}
	return m.detachVolumes(ctx, id)
}

// remove takes away all of a machine but its record.
func (m *Manager) remove(ctx context.Context, id string) error {
	if err := m.clear(ctx, id); err != nil {
		return err
	}
	if err := m.cfg.Network.DetachMachine(ctx, id); err != nil {
		return fmt.Errorf("detaching machine %s from its network: %w", id, err)
	}
	return nil
}
