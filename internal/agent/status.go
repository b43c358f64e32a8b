package agent

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

// status is what the agent knows of itself, for reports. Safe for use by
// many goroutines.
type status struct {
	boot    *boot
	version string        // of the program
	changed chan struct{} // holds a value when there is something to report

	mu      sync.Mutex
	state   string // version of the state that was taken up
	applied bool
	images  []string
	errors  map[string]string // by what went wrong
	scripts []machine.ScriptReport
	// scriptsDone: no script of the first boot is to run any more.
	scriptsDone bool
}

func newStatus(b *boot, version string) *status {
	return &status{
		boot:    b,
		version: version,
		changed: make(chan struct{}, 1),
		errors:  make(map[string]string),
	}
}

// touch asks for a report.
func (s *status) touch() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *status) mark(name string) { s.markAt(name, time.Now()) }

func (s *status) markAt(name string, at time.Time) {
	if s.boot.mark(name, at) {
		s.touch()
	}
}

// fail records what went wrong under a name, until clear.
func (s *status) fail(name string, err error) {
	s.set(func() { s.errors[name] = clip(err.Error(), 500) })
}

func (s *status) clear(names ...string) {
	s.set(func() {
		for _, name := range names {
			delete(s.errors, name)
		}
	})
}

// takeUp records that a state is being made so. Errors of the one before are
// not its errors.
func (s *status) takeUp(version string) {
	s.set(func() {
		s.state, s.applied = version, false
		delete(s.errors, "apply")
		delete(s.errors, "images")
	})
}

// apply records that everything of the state is in place.
func (s *status) apply(images []string) {
	s.mark("applied")
	s.set(func() { s.applied, s.images = true, images })
}

func (s *status) set(f func()) {
	s.mu.Lock()
	f()
	s.mu.Unlock()
	s.touch()
}

// report gives the report of this moment, with the given processes.
func (s *status) report(processes []machine.ProcessReport) machine.Report {
	s.boot.mu.Lock()
	marks := maps.Clone(s.boot.Marks)
	s.boot.mu.Unlock()

	s.mu.Lock()
	defer s.mu.Unlock()
	r := machine.Report{
		StateVersion: s.state,
		Applied:      s.applied,
		Ready:        s.applied && s.scriptsDone,
		Processes:    processes,
		Images:       s.images,
		Scripts:      s.scripts,
		ScriptsDone:  s.scriptsDone,
		AgentVersion: s.version,
		BootID:       s.boot.ID,
		Marks:        marks,
	}
	for _, p := range processes {
		r.Ready = r.Ready && p.State == machine.ProcessReady
	}
	var text []string
	for _, name := range slices.Sorted(maps.Keys(s.errors)) {
		text = append(text, fmt.Sprintf("%s: %s", name, s.errors[name]))
	}
	r.Error = strings.Join(text, "; ")
	return r
}

// clip shortens text for a report.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
