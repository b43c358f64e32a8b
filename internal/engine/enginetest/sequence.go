package enginetest

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/hanok/hanok"
)

// Run drives one random sequence on a world, and deletes its cluster at the
// end. A difference from the model ends t.
func Run(t *rapid.T, w World, b Bounds) {
	s := &sequence{w: w, b: b, groups: map[string]*group{hanok.DefaultWorkerGroup: {count: b.NodeCount}}}
	actions := map[string]func(*rapid.T){
		"create group":    s.createGroup,
		"delete group":    s.deleteGroup,
		"resize":          s.resize,
		"stop":            s.stopNodes,
		"start":           s.startNodes,
		"flavor":          s.changeFlavor,
		"kill at rest":    s.killAtRest,
		"kill at work":    s.killAtWork,
		"crash":           s.crash,
		"crash soon":      func(t *rapid.T) { w.CrashSoon(t) },
		"come to rest":    s.settle,
		"recover by hand": s.recover,
	}
	for name, trouble := range w.Troubles() {
		actions[name] = func(t *rapid.T) {
			s.doubt, s.wrecked = true, s.wrecked || trouble.Lasting
			trouble.Begin(t)
		}
	}
	t.Repeat(actions)
	if rapid.Bool().Draw(t, "recovered") {
		s.recover(t)
	}
	s.deleteCluster(t)
}

// sequence is one run: a world, and the model of what it should be.
type sequence struct {
	w      World
	b      Bounds
	groups map[string]*group
	// doubt is set while operations may fail by no fault of hanok's, and
	// until what failed by it is mended.
	doubt bool
	// wrecked is set where failed operations may have left things as they were.
	wrecked bool
}

// group is what a node group should be once its operation has ended.
type group struct {
	count   int
	stopped int  // unknown when negative
	busy    bool // an operation began since the world was last at rest
}

// verdict is what the model says of a call: whether it may begin, else the
// kind of the refusal.
type verdict struct {
	begins  bool
	refusal hanok.Kind
}

var begins = verdict{begins: true}

func refused(kind hanok.Kind) verdict { return verdict{refusal: kind} }

// call makes a call and holds its answer to the verdict. It tells whether
// the operation began. g is the call's group, nil where there is none.
func (s *sequence) call(t *rapid.T, what string, g *group, want verdict, do func() error) (began bool) {
	before := len(s.w.State().Events)
	err := do()
	lost := errors.Is(err, ErrLost)
	if lost {
		s.w.Revive()
	}
	state := s.w.State()
	began = err == nil || lost && len(state.Events) > before
	if lost && !began {
		return false
	}
	kind := hanok.KindOf(err)
	if !began && len(state.Events) > before {
		t.Fatalf("%s was refused (%v) and left an event: %q", what, err, state.Events)
	}
	switch {
	case !began && kind == hanok.KindInternal:
		t.Fatalf("%s: %v", what, err)
	case s.doubt:
	case g != nil && g.busy:
		// The operation before may have ended or not, and the nodes may have
		// changed between the look at them and the call.
		if !began && kind != hanok.KindConflict && kind != hanok.KindInvalid && kind != hanok.KindNotFound {
			t.Fatalf("%s: %v", what, err)
		}
	case began != want.begins || !began && kind != want.refusal:
		t.Fatalf("%s: %v (kind %d); the model says %+v\n%s", what, err, kind, want, describe(state))
	}
	return began
}

// settle waits until nothing is at work, and holds the world to the model.
func (s *sequence) settle(t *rapid.T) {
	state, differences := s.rest()
	if s.wrecked && slices.ContainsFunc(state.Groups, func(g Group) bool { return g.Status.Failed() }) {
		differences = nil
	}
	if state.Unfinished > 0 || len(differences) > 0 {
		t.Fatalf("after %v there are %d unfinished operations, and these differences:\n%s\n%s",
			s.b.Patience, state.Unfinished, strings.Join(differences, "\n"), describe(state))
	}
	for _, g := range state.Groups {
		s.hold(t, state, g)
	}
	for name := range maps.Keys(s.groups) {
		if _, there := state.group(name); !there {
			if !s.doubt {
				t.Fatalf("group %s is not there\n%s", name, describe(state))
			}
			delete(s.groups, name)
		}
	}
	if state.Status.InProgress() || !s.doubt && state.Status.Failed() {
		t.Fatalf("the cluster is %s, and nothing is at work\n%s", state.Status, describe(state))
	}
}

// rest gives the state once nothing is at work and all agree, or the last one
// within the patience.
func (s *sequence) rest() (state State, differences []string) {
	end := time.Now().Add(s.b.Patience)
	for nth := 0; ; nth++ {
		s.w.Revive()
		state, differences = s.w.State(), nil
		if state.Unfinished == 0 {
			// A machine that was killed comes back in a moment.
			if differences = s.w.Differences(); len(differences) == 0 {
				return state, nil
			}
		}
		if time.Now().After(end) {
			return state, differences
		}
		s.w.Wait(nth)
	}
}

// hold compares a group at rest with the model, and takes over what the model
// cannot know.
func (s *sequence) hold(t *rapid.T, state State, g Group) {
	m, stopped := s.groups[g.Name], 0
	own, _ := state.of(g.Name)
	for _, n := range own {
		if n.Status == hanok.NodeShutoff {
			stopped++
		}
	}
	switch {
	case g.Status.InProgress():
		t.Fatalf("group %s is %s, and nothing is at work\n%s", g.Name, g.Status, describe(state))
	case s.doubt:
	case m == nil:
		t.Fatalf("group %s is there; the model has deleted it\n%s", g.Name, describe(state))
	case g.Status.Failed():
		t.Fatalf("group %s has failed\n%s", g.Name, describe(state))
	case m.count != g.NodeCount || m.stopped >= 0 && m.stopped != stopped:
		t.Fatalf("group %s has %d nodes, %d stopped; the model says %d and %d\n%s", g.Name, g.NodeCount, stopped, m.count, m.stopped, describe(state))
	}
	s.groups[g.Name] = &group{count: g.NodeCount, stopped: stopped}
}

// recover ends every trouble and mends what has failed by calls that a user
// would make: whatever happened, no group and no cluster stays failed.
func (s *sequence) recover(t *rapid.T) {
	s.w.Heal()
	s.settle(t)
	state := s.w.State()
	var broken []string // groups that were not made, or not deleted, go
	for _, g := range state.Groups {
		switch {
		case g.Status == hanok.UpdateFailed:
			s.insist(t, "resize "+g.Name, func() error { return s.w.Resize(g.Name, max(1, g.NodeCount), nil) })
		case g.Status.Failed():
			broken = append(broken, g.Name)
		}
	}
	if len(broken) == len(state.Groups) {
		// The last group can be deleted once another has taken its place.
		const spare = "spare"
		s.insist(t, "create "+spare, func() error { return s.w.CreateGroup(spare, 1) })
		s.groups[spare] = &group{count: 1}
	}
	for _, name := range broken {
		s.insist(t, "delete "+name, func() error { return s.w.DeleteGroup(name) })
		delete(s.groups, name)
	}
	s.doubt, s.wrecked = false, false
	s.settle(t)
}

// insist makes a call that must begin, again where the service died.
func (s *sequence) insist(t *rapid.T, what string, do func() error) {
	before := len(s.w.State().Events)
	for {
		err := do()
		switch {
		case err == nil:
			return
		case !errors.Is(err, ErrLost):
			t.Fatalf("%s: %v; nothing is wrong any more\n%s", what, err, describe(s.w.State()))
		}
		s.w.Revive()
		if len(s.w.State().Events) > before {
			return
		}
	}
}

func (s *sequence) deleteCluster(t *rapid.T) {
	end := time.Now().Add(s.b.Patience)
	for nth := 0; !s.w.State().Gone; nth++ {
		err := s.w.DeleteCluster() // a repeat is allowed
		if err != nil && !errors.Is(err, ErrLost) && hanok.KindOf(err) != hanok.KindNotFound {
			t.Fatalf("delete the cluster: %v", err)
		}
		s.w.Revive()
		if time.Now().After(end) {
			t.Fatalf("the cluster is not deleted after %v\n%s", s.b.Patience, describe(s.w.State()))
		}
		s.w.Heal()
		s.w.Wait(nth)
	}
	if left := s.w.Remains(); len(left) > 0 {
		t.Fatalf("of the deleted cluster there remains:\n%s", strings.Join(left, "\n"))
	}
}
