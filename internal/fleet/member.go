package fleet

import (
	"context"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/machine"
)

// member is what the service remembers of one machine, in memory only: after
// a restart of the service every agent reports again within about a second.
type member struct {
	changed  chan struct{} // closed when the desired state may have changed
	reported chan struct{} // closed when a report arrives
	gone     chan struct{} // closed by Forget

	report   machine.Report
	reportAt time.Time // zero: none yet

	// certificates are those of the last rendered state; nil: render anew.
	certificates []machine.Certificate
}

// member gives the entry of a machine and makes it where there is none. The
// caller holds f.mu.
func (f *Fleet) member(key string) *member {
	m := f.machines[key]
	if m == nil {
		m = &member{
			changed:  make(chan struct{}),
			reported: make(chan struct{}),
			gone:     make(chan struct{}),
		}
		f.machines[key] = m
	}
	return m
}

// Changed wakes the waiting state requests of machines. Call it after the
// transaction that changed what Render reads is committed.
func (f *Fleet) Changed(nodeKeys ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range nodeKeys {
		m := f.machines[key]
		if m == nil {
			continue // no one waits, and the next request renders anyway
		}
		m.certificates = nil
		close(m.changed)
		m.changed = make(chan struct{})
	}
}

// Record keeps a machine's report and wakes those who wait for it.
func (f *Fleet) Record(nodeKey string, r machine.Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.member(nodeKey)
	m.report, m.reportAt = r, time.Now()
	close(m.reported)
	m.reported = make(chan struct{})
}

// Report gives the last report of a machine and when it came; false when
// there is none since the service started.
func (f *Fleet) Report(nodeKey string) (machine.Report, time.Time, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.machines[nodeKey]
	if m == nil || m.reportAt.IsZero() {
		return machine.Report{}, time.Time{}, false
	}
	return m.report, m.reportAt, true
}

// Wait returns nil as soon as a report of the machine satisfies ok, ctx's
// error when ctx ends first, and KindNotFound when the machine is forgotten
// meanwhile. ok is called once for the present report and once for each that
// follows (of several that arrive together only for the last), never at once.
func (f *Fleet) Wait(ctx context.Context, nodeKey string, ok func(machine.Report) bool) error {
	for {
		f.mu.Lock()
		m := f.member(nodeKey)
		r, known, next, gone := m.report, !m.reportAt.IsZero(), m.reported, m.gone
		f.mu.Unlock()
		if known && ok(r) {
			return nil
		}
		select {
		case <-next:
		case <-gone:
			return hanok.NotFound("machine", nodeKey)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Forget drops what is remembered of a machine and ends its waiting requests.
// It does not shut the machine out: deleting the node's record does, or Revoke.
func (f *Fleet) Forget(nodeKey string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.machines[nodeKey]
	if m == nil {
		return
	}
	delete(f.machines, nodeKey)
	close(m.gone)
}
