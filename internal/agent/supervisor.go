package agent

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

// supervisor keeps the wanted processes running. Each has a goroutine of its
// own (unit.run); the supervisor starts and stops those.
//
//	           ┌────────────── pause ◄──────────────┐
//	           ▼                                    │ ended
//	set ──► waiting ──► running ──► ready ──────────┘
//	           │           │          │
//	           └───────────┴──────────┴──► stopped   (not wanted any more)
type supervisor struct {
	log    *slog.Logger
	agent  *agent
	reaper *reaper
	boot   *boot
	status *status

	// starting is held for reading while a process is started and recorded,
	// and for writing while the agent replaces itself.
	starting sync.RWMutex

	mu      sync.Mutex
	units   []*unit // in the order of their start
	first   bool    // no set yet: processes of an earlier agent are to be adopted
	changed chan struct{}
	leaving map[string]*unit // not wanted any more, still ending
	left    sync.WaitGroup   // counts them
}

func newSupervisor(a *agent) *supervisor {
	return &supervisor{
		log:     a.log,
		agent:   a,
		reaper:  a.reaper,
		boot:    a.boot,
		status:  a.status,
		first:   true,
		changed: make(chan struct{}),
		leaving: make(map[string]*unit),
	}
}

// set makes the processes the wanted ones. What is the same runs on; what
// changed is stopped and started anew; the rest is stopped. It returns before
// that is done.
func (s *supervisor) set(wanted []process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.units
	s.units = nil
	for _, p := range wanted {
		i := slices.IndexFunc(before, func(u *unit) bool { return u.process.Name == p.Name })
		switch {
		case i < 0:
			s.units = append(s.units, s.newUnit(p, s.leaving[p.Name]))
		case before[i].process.hash == p.hash:
			s.units = append(s.units, before[i])
			before = slices.Delete(slices.Clone(before), i, i+1)
		default:
			s.log.Info("process changed", "process", p.Name)
			s.units = append(s.units, s.newUnit(p, before[i]))
			before = slices.Delete(slices.Clone(before), i, i+1)
		}
	}
	for _, u := range s.units {
		if !u.begun {
			u.begun = true
			go s.agent.guard(u.run)
		}
	}
	s.dismiss(before)
	if s.first {
		s.endOrphans()
		s.first = false
	}
	s.wake()
}

// newUnit makes the unit of a process; previous, if any, is ended first. The
// caller holds s.mu.
func (s *supervisor) newUnit(p process, previous *unit) *unit {
	u := &unit{s: s, process: p, previous: previous, state: machine.ProcessWaiting, since: time.Now(), done: make(chan struct{})}
	u.ctx, u.stop = context.WithCancel(context.Background())
	if previous != nil {
		u.restarts, u.lastExit = previous.restarts, previous.lastExit
	}
	if s.first {
		if c, ok := s.boot.inherited[p.Name]; ok {
			u.inherit(c)
		}
	}
	return u
}

// dismiss ends units, each after those that depend on it. The caller holds
// s.mu.
func (s *supervisor) dismiss(units []*unit) {
	for i, u := range units {
		s.leaving[u.process.Name] = u
		s.left.Add(1)
		go func() {
			defer s.left.Done()
			for _, later := range units[i+1:] {
				if slices.Contains(later.process.After, u.process.Name) {
					<-later.done
				}
			}
			u.stop()
			<-u.done
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.leaving[u.process.Name] == u {
				delete(s.leaving, u.process.Name)
			}
		}()
	}
}

// endOrphans ends processes of an earlier agent that the state does not want.
// The caller holds s.mu.
func (s *supervisor) endOrphans() {
	for name := range s.boot.inherited {
		if slices.ContainsFunc(s.units, func(u *unit) bool { return u.process.Name == name }) {
			continue
		}
		// A unit that is stopped before it runs does nothing but end what it
		// inherited; its empty hash is no process's.
		u := s.newUnit(process{Process: machine.Process{Name: name}}, nil)
		u.stop()
		go s.agent.guard(u.run)
		s.dismiss([]*unit{u})
	}
}

// shutdown ends every process, in the reverse order of their start, and
// returns when they have ended.
func (s *supervisor) shutdown() {
	s.mu.Lock()
	s.dismiss(s.units)
	s.mu.Unlock()
	s.left.Wait()
}

// wake tells everyone who waits that a process changed. The caller holds s.mu.
func (s *supervisor) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
	s.status.touch()
}

// await returns when the named processes are ready; ctx's error when it ends
// first.
func (s *supervisor) await(ctx context.Context, names ...string) error {
	for {
		s.mu.Lock()
		missing, next := s.unready(names), s.changed
		s.mu.Unlock()
		if missing == "" {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return fmt.Errorf("process %s is not ready: %w", missing, ctx.Err())
		}
	}
}

// unready gives the first of the names that is not ready, or "". The caller
// holds s.mu.
func (s *supervisor) unready(names []string) string {
	for _, name := range names {
		i := slices.IndexFunc(s.units, func(u *unit) bool { return u.process.Name == name })
		if i < 0 || s.units[i].state != machine.ProcessReady {
			return name
		}
	}
	return ""
}

// alive tells whether a process of that name runs, wanted or not.
func (s *supervisor) alive(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first {
		_, ok := s.boot.inherited[name]
		return ok
	}
	return slices.ContainsFunc(s.units, func(u *unit) bool { return u.process.Name == name && u.pid != 0 })
}

// report tells how the processes are.
func (s *supervisor) report() []machine.ProcessReport {
	s.mu.Lock()
	defer s.mu.Unlock()
	result := make([]machine.ProcessReport, 0, len(s.units))
	for _, u := range s.units {
		result = append(result, machine.ProcessReport{
			Name:     u.process.Name,
			State:    u.state,
			PID:      u.pid,
			Restarts: u.restarts,
			LastExit: u.lastExit,
			Since:    u.since.UTC(),
		})
	}
	return result
}

// remember records a running process for the agent's successor.
func (s *supervisor) remember(u *unit, c carried) {
	err := s.boot.change(func() { s.boot.Processes[u.process.Name] = c })
	if err != nil {
		s.log.Warn("a process could not be recorded; it would be started twice after a restart of the agent", "process", u.process.Name, "err", err)
	}
}

func (s *supervisor) forget(name string) {
	if err := s.boot.change(func() { delete(s.boot.Processes, name) }); err != nil {
		s.log.Warn("the end of a process could not be recorded", "process", name, "err", err)
	}
}
