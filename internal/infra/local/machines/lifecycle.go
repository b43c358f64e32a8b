package machines

import (
	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// Stop begins to end the machine's processes; see infra.Driver.
func (m *Manager) Stop(id string) error {
	return m.change(id, func(r *record) { r.Want = wantStopped })
}

// Start begins to boot a stopped machine, or one in ERROR; see infra.Driver.
func (m *Manager) Start(id string) error {
	return m.change(id, func(r *record) {
		r.Want = wantRunning
		if r.Machine.Status != infra.MachineActive {
			r.setStatus(infra.MachineBuild, "")
		}
	})
}

// Delete begins to end and remove the machine; success when there is none.
func (m *Manager) Delete(id string) error {
	err := m.change(id, func(r *record) { r.Want = wantGone })
	if hanok.KindOf(err) == hanok.KindNotFound {
		return nil
	}
	return err
}

// change records a wish and sets the worker to it. A machine that is being
// deleted changes no more.
func (m *Manager) change(id string, wish func(*record)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.entry(id)
	if err != nil {
		return err
	}
	next := e.record
	wish(&next)
	if e.record.Want == wantGone && next.Want != wantGone {
		return hanok.NotFound("machine", id)
	}
	if err := next.save(m.stateOf(id), true); err != nil {
		return err
	}
	e.record = next
	e.failures = 0
	if next.Want == wantGone && e.hurry != nil {
		e.hurry() // nothing in it is worth waiting for any more
	}
	m.kick(e)
	return nil
}

// Resize gives a stopped machine another flavor; see infra.Driver. The boot
// volume stays as it is.
func (m *Manager) Resize(id string, flavor infra.Flavor) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.entry(id)
	if err != nil {
		return err
	}
	old := e.record
	switch {
	case old.Flavor == flavor:
		return nil
	case old.Want == wantGone:
		return hanok.NotFound("machine", id)
	case old.Want != wantStopped || old.Machine.Status != infra.MachineShutoff:
		return hanok.Errorf(hanok.KindConflict, "machine %s is %s; stop it before a resize", id, old.Machine.Status)
	case flavor.VCPUs < 1 || flavor.MemoryMB < smallestMemoryMB:
		return hanok.Errorf(hanok.KindInvalid, "flavor %s has %d vCPUs and %d MiB; at least 1 and %d are needed",
			flavor.Name, flavor.VCPUs, flavor.MemoryMB, smallestMemoryMB)
	}
	return m.promise(func() error {
		if err := m.fits(flavor, 0, id); err != nil {
			return err
		}
		next := old
		next.Flavor, next.Machine.FlavorID = flavor, flavor.ID
		if err := next.save(m.stateOf(id), true); err != nil {
			return err
		}
		e.record = next
		return nil
	})
}
