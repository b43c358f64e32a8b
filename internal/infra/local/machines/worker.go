package machines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/local/machines/disk"
)

// entry is a machine as this process knows it; Manager.mu guards it.
type entry struct {
	record record
	// busy: a worker is at the machine; again: it has to look once more.
	busy, again bool
	// watching is the PID 1 whose end is waited for.
	watching *initProcess
	// failures counts boots that failed and ends that nobody asked for, since
	// the machine last ran well; retry is the attempt that follows.
	failures int
	retry    *time.Timer
	// hurry ends a wait for the machine to stop by itself; nil while there is none.
	hurry context.CancelFunc
}

// disarm takes back a planned attempt.
func (e *entry) disarm() {
	if e.retry != nil {
		e.retry.Stop()
		e.retry = nil
	}
}

// attempt bounds one attempt to bring a machine to where it is meant to be.
const attempt = 2 * time.Minute

// kick sets a worker to the machine; the caller holds mu.
func (m *Manager) kick(e *entry) {
	e.disarm()
	if m.closed {
		return
	}
	if e.busy {
		e.again = true
		return
	}
	e.busy = true
	m.workers.Go(func() { m.work(e) })
}

// work brings the machine to where it is meant to be, until that holds still.
func (m *Manager) work(e *entry) {
	for {
		m.mu.Lock()
		e.again = false
		r := e.record
		m.mu.Unlock()

		ctx, cancel := context.WithTimeout(m.ctx, attempt)
		err := m.bring(ctx, e, r)
		cancel()

		m.mu.Lock()
		if err != nil && m.ctx.Err() == nil {
			m.failed(e, err)
		}
		if !e.again || m.ctx.Err() != nil || m.entries[e.record.Machine.ID] != e {
			e.busy = false
			m.mu.Unlock()
			return
		}
		m.mu.Unlock()
	}
}

// bring does what r.Want says.
func (m *Manager) bring(ctx context.Context, e *entry, r record) error {
	id := r.Machine.ID
	switch r.Want {
	case wantRunning:
		init, err := m.running(id)
		if err != nil {
			return err
		}
		if init == nil {
			begin := time.Now()
			if init, err = m.boot(ctx, r); err != nil {
				return errors.Join(err, m.clear(ctx, id))
			}
			m.log.Info("machine started", "machine", id, "name", r.Machine.Name, "took", time.Since(begin))
		}
		m.isActive(e, init)
		return nil
	case wantStopped:
		m.haltUnlessGone(ctx, e, id)
		if err := m.clear(ctx, id); err != nil {
			return err
		}
		m.settle(e, infra.MachineShutoff)
		return nil
	case wantGone:
		begin := time.Now()
		if err := m.remove(ctx, id); err != nil {
			return err
		}
		m.forget(e)
		m.log.Info("machine deleted", "machine", id, "name", r.Machine.Name, "took", time.Since(begin))
		return nil
	}
	return fmt.Errorf("machine %s has the unknown wish %q on record", id, r.Want)
}

// isActive notes that the machine runs, and watches over its PID 1.
func (m *Manager) isActive(e *entry, init *initProcess) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.watching == nil || *e.watching != *init {
		e.watching = init
		m.workers.Go(func() { m.watch(e, init) })
	}
	changed := !e.record.Booted || e.record.Machine.Status != infra.MachineActive
	e.record.Booted = true
	e.record.setStatus(infra.MachineActive, "")
	if changed {
		m.saveStatus(e)
	}
	if e.record.UserData != nil {
		id := e.record.Machine.ID
		m.workers.Go(func() { m.forgetUserData(e, id) })
	}
}

// userDataPause keeps the disk free for what a new machine does first.
const userDataPause = 10 * time.Second

// forgetUserData drops the user data from the record once the volume has it
// for good.
func (m *Manager) forgetUserData(e *entry, id string) {
	select {
	case <-m.ctx.Done():
		return // the next start comes here again
	case <-time.After(m.cfg.userDataPause):
	}
	if err := disk.SyncFS(m.volumeDir(id)); err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // the machine has ended already
			m.log.Warn("a new machine's volume cannot be written; its record keeps the user data", "machine", id, "error", err)
		}
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e.record.UserData = nil
	if m.entries[id] == e {
		m.saveStatus(e)
	}
}

// settle notes the state that a worker reached.
func (m *Manager) settle(e *entry, s infra.MachineStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.record.setStatus(s, "")
	m.saveStatus(e)
}

// saveStatus records what was found; the caller holds mu. It is found again
// after a crash, so nothing waits for the disk, and a failure is only logged.
func (m *Manager) saveStatus(e *entry) {
	id := e.record.Machine.ID
	if err := e.record.save(m.stateOf(id), false); err != nil {
		m.log.Error("machine's state not recorded", "machine", id, "error", err)
	}
}

// forget removes the last trace of a machine: its record.
func (m *Manager) forget(e *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := e.record.Machine.ID
	err := m.promise(func() error {
		if err := os.RemoveAll(m.stateOf(id)); err != nil {
			return err
		}
		delete(m.entries, id)
		return nil
	})
	if err != nil {
		m.log.Error("machine's record not removed", "machine", id, "error", err)
	}
}

// failed notes why a worker gave up, and plans another attempt where the
// machine has run before or is to be removed; the caller holds mu. A machine
// that never ran is left in ERROR for its owner to decide.
func (m *Manager) failed(e *entry, err error) {
	id := e.record.Machine.ID
	m.log.Error("machine is not what it is meant to be", "machine", id, "meant", e.record.Want, "error", err)
	e.record.setStatus(infra.MachineError, err.Error())
	m.saveStatus(e)
	if e.record.Booted || e.record.Want != wantRunning {
		m.retryLater(e)
	}
}

// retryLater plans the next attempt, later with each failure; the caller holds mu.
func (m *Manager) retryLater(e *entry) {
	pause := min(200*time.Millisecond<<min(e.failures, 10), 30*time.Second)
	e.failures++
	e.disarm()
	if m.closed {
		return
	}
	e.retry = time.AfterFunc(pause, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.kick(e)
	})
}
