package engine

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/store"
)

// A run of all tests tries fewer than rapid would by itself.
func init() {
	if err := flag.Set("rapid.checks", "25"); err != nil {
		panic(err)
	}
}

// TestSequences drives random sequences of valid and invalid calls, with
// crashes, machines that end and budgets that are never met in between,
// against the model: what the API says is what machines exist is what
// Kubernetes has. Many more: go test -run Sequences -rapid.checks=2000.
func TestSequences(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := newSequence(t, rt)
		defer s.end()
		rt.Repeat(map[string]func(*rapid.T){
			"create group": s.createGroup,
			"delete group": s.deleteGroup,
			"resize":       s.resize,
			"stop":         s.stopNodes,
			"start":        s.startNodes,
			"flavor":       s.changeFlavor,
			"kill":         s.kill,
			"crash":        s.crash,
			"crash soon":   s.crashSoon,
			"block":        s.block,
			"settle":       s.settle,
		})
		if rapid.Bool().Draw(rt, "at rest") {
			s.settle(rt)
		}
		s.deleteCluster(rt)
	})
}

// modelGroup is what a group should be once its operation has ended.
type modelGroup struct {
	count, stopped int
	busy           bool // an operation began since the last settle
}

// sequence is one run: a world, the engine that is alive, and the model.
type sequence struct {
	t       *testing.T
	w       *world
	e       *Engine
	m       *mortal
	stop    func()
	cluster hanok.Cluster
	groups  map[string]*modelGroup
	blocked bool // a node may not be drained: operations may fail
}

func newSequence(t *testing.T, rt *rapid.T) *sequence {
	s := &sequence{t: t, groups: map[string]*modelGroup{hanok.DefaultWorkerGroup: {count: 2}}}
	s.w = newWorld(t, fake.Options{
		Polls: rapid.IntRange(0, 2).Draw(rt, "polls"), LoseRate: 0.02, FailRate: 0.02, Seed: rapid.Uint64().Draw(rt, "seed"),
	})
	s.live()
	s.cluster = create(t, s.e, plan("prod", 2))
	s.cluster = s.w.awaitStatus(t, s.cluster.UUID, hanok.CreateComplete)
	return s
}

// live starts an engine that can be made to die.
func (s *sequence) live() {
	s.m = &mortal{Store: s.w.store, Driver: s.w.cloud}
	m := s.m
	s.e, s.stop = s.w.start(s.t, func(c *Config) {
		c.Store, c.Driver = m, m
		c.Settings.DrainTimeout = 60 * time.Millisecond
		c.AtBoundary = func(Boundary) {
			if m.countdown.Add(-1) == 0 {
				m.dead.Store(true)
			}
		}
	})
}

// revive starts a new process where the old one is dead.
func (s *sequence) revive() {
	if !s.m.dead.Load() {
		return
	}
	s.stop()
	s.w.store.Close()
	s.w.store = s.w.openStore(s.t)
	s.live()
}

func (s *sequence) end() {
	s.m.dead.Store(true)
	s.stop()
	s.w.store.Close()
}

// crash kills the service wherever it is.
func (s *sequence) crash(*rapid.T) {
	s.m.dead.Store(true)
	s.revive()
}

// crashSoon lets the service die at a boundary between two steps to come.
func (s *sequence) crashSoon(rt *rapid.T) {
	s.m.countdown.Store(rapid.Int64Range(1, 12).Draw(rt, "boundaries"))
}

// kill ends a machine from outside; the service starts it again.
func (s *sequence) kill(rt *rapid.T) {
	s.settle(rt)
	_, nodes := s.w.state(s.t, s.cluster.UUID)
	n := rapid.SampledFrom(nodes).Draw(rt, "victim")
	if n.Status == hanok.NodeActive {
		if err := s.w.cloud.Kill(n.UUID); err != nil {
			rt.Fatal(err)
		}
	}
}

// block makes a budget on some node that is never met, or lifts all.
func (s *sequence) block(rt *rapid.T) {
	_, nodes := s.w.state(s.t, s.cluster.UUID)
	s.w.mu.Lock()
	clear(s.w.blocked)
	s.w.mu.Unlock()
	if rapid.Bool().Draw(rt, "blocked") {
		s.w.block(rapid.SampledFrom(nodes).Draw(rt, "node").Name, "shop/cart-0")
		s.blocked = true
	}
}

// judge compares what a call answered with what the model says of it, and
// tells whether it began.
func (s *sequence) judge(rt *rapid.T, what string, g *modelGroup, want hanok.Kind, ok bool, err error) bool {
	if err != nil && s.m.dead.Load() {
		return false // it died before it could answer, and so before it was recorded
	}
	got := hanok.KindOf(err)
	switch {
	case g != nil && g.busy && (err == nil || got == hanok.KindConflict || got == hanok.KindInvalid || got == hanok.KindNotFound):
		// The group may be at work, or have ended otherwise than foreseen.
	case s.blocked && (err == nil || got != hanok.KindInternal):
	case ok != (err == nil) || (err != nil && got != want):
		rt.Fatalf("%s: %v (kind %d); the model says ok %v, else kind %d", what, err, got, ok, want)
	}
	return err == nil
}

var groupNames = []string{hanok.DefaultWorkerGroup, "a", "b"}

func (s *sequence) pick(rt *rapid.T) (string, *modelGroup) {
	name := rapid.SampledFrom(groupNames).Draw(rt, "group")
	return name, s.groups[name]
}

func (s *sequence) createGroup(rt *rapid.T) {
	name, g := s.pick(rt)
	count := rapid.IntRange(1, 3).Draw(rt, "count")
	_, err := s.e.CreateNodeGroup(s.t.Context(), s.cluster.UUID, groupPlan(name, count))
	if g == nil && hanok.KindOf(err) == hanok.KindConflict {
		return // the one that was deleted is not gone yet
	}
	if s.judge(rt, "create "+name, g, hanok.KindConflict, g == nil, err) {
		s.groups[name] = &modelGroup{count: count, busy: true}
	}
}

func (s *sequence) deleteGroup(rt *rapid.T) {
	name, g := s.pick(rt)
	err := s.e.DeleteNodeGroup(s.t.Context(), s.cluster.UUID, name)
	if g == nil {
		if err != nil && hanok.KindOf(err) != hanok.KindNotFound && !s.m.dead.Load() && !s.blocked {
			rt.Fatalf("delete of %s, which is gone or going: %v", name, err)
		}
		return
	}
	if s.judge(rt, "delete "+name, g, hanok.KindInvalid, len(s.groups) > 1, err) {
		delete(s.groups, name)
	}
}

// nodesOfGroup gives the records of a group, which may not be there.
func (s *sequence) nodesOfGroup(name string) (own, foreign []hanok.Node) {
	groups, nodes := s.w.state(s.t, s.cluster.UUID)
	for _, g := range groups {
		for _, n := range nodes {
			switch {
			case n.UUID == "" || n.NodeGroupUUID != g.UUID:
			case g.Name == name:
				own = append(own, n)
			default:
				foreign = append(foreign, n)
			}
		}
	}
	return own, foreign
}

func (s *sequence) resize(rt *rapid.T) {
	name, g := s.pick(rt)
	plan := &admission.ResizePlan{Group: name, NodeCount: rapid.IntRange(1, 5).Draw(rt, "count")}
	own, foreign := s.nodesOfGroup(name)
	valid := g != nil
	if rapid.Bool().Draw(rt, "named") {
		list := append(slices.Clone(own), foreign...)
		for range rapid.IntRange(0, 3).Draw(rt, "names") {
			if len(list) == 0 {
				break
			}
			i := rapid.IntRange(0, len(list)-1).Draw(rt, "node")
			plan.Remove = append(plan.Remove, list[i].UUID)
			valid = valid && i < len(own)
			list = slices.Delete(list, i, i+1)
			if i < len(own) {
				own = own[:len(own)-1]
			}
		}
		if len(plan.Remove) > 0 && g != nil {
			valid = valid && g.count-plan.NodeCount == len(plan.Remove)
		}
	}
	_, err := s.e.Resize(s.t.Context(), s.cluster.UUID, plan)
	kind := hanok.KindInvalid
	if g == nil {
		kind = hanok.KindNotFound
		if hanok.KindOf(err) == hanok.KindConflict {
			return // it is being deleted
		}
	}
	if s.judge(rt, fmt.Sprintf("resize %+v", *plan), g, kind, valid, err) && g != nil {
		g.count, g.busy = plan.NodeCount, true
		g.stopped = -1 // stopped ones go first, or by name: the next settle tells
	}
}

func (s *sequence) stopNodes(rt *rapid.T) {
	s.nodeAction(rt, "stop", hanok.NodeActive, func(own, named []hanok.Node) bool {
		running := 0
		for _, n := range own {
			if n.Status == hanok.NodeActive {
				running++
			}
		}
		return len(named) < running
	}, s.e.StopNodes, 1)
}

func (s *sequence) startNodes(rt *rapid.T) {
	s.nodeAction(rt, "start", hanok.NodeShutoff, func(_, _ []hanok.Node) bool { return true }, s.e.StartNodes, -1)
}

type actOnNodes func(ctx context.Context, cluster, group string, uuids []string) (hanok.NodeGroup, error)

func (s *sequence) nodeAction(rt *rapid.T, what string, from hanok.NodeStatus, may func(own, named []hanok.Node) bool, act actOnNodes, stops int) {
	name, g := s.pick(rt)
	own, _ := s.nodesOfGroup(name)
	if g == nil || len(own) == 0 {
		return
	}
	named := own[:rapid.IntRange(1, len(own)).Draw(rt, "nodes")]
	valid := may(own, named) && !slices.ContainsFunc(named, func(n hanok.Node) bool { return n.Status != from })
	_, err := act(s.t.Context(), s.cluster.UUID, name, uuidsOf(named))
	if s.judge(rt, what+" "+name, g, hanok.KindInvalid, valid, err) {
		if g.stopped >= 0 {
			g.stopped += stops * len(named)
		}
		g.busy = true
	}
}

func (s *sequence) changeFlavor(rt *rapid.T) {
	name, g := s.pick(rt)
	own, _ := s.nodesOfGroup(name)
	if g == nil || len(own) == 0 {
		return
	}
	f := rapid.SampledFrom([]infra.Flavor{plan("", 1).Flavor, larger}).Draw(rt, "flavor")
	buffers, parallel := rapid.IntRange(0, 2).Draw(rt, "buffers"), rapid.IntRange(1, 3).Draw(rt, "parallel")
	valid, want := true, hanok.KindInvalid
	group, _ := s.w.group(s.t, s.cluster.UUID, name)
	switch {
	case group.FlavorID == f.ID && !slices.ContainsFunc(own, func(n hanok.Node) bool { return n.FlavorID != f.ID }):
		valid = false
	case slices.ContainsFunc(own, func(n hanok.Node) bool { return n.Status == hanok.NodeShutoff }):
		valid, want = false, hanok.KindConflict
	case parallel > len(own):
		valid = false
	}
	_, err := s.e.ChangeFlavor(s.t.Context(), s.cluster.UUID, name, flavorPlan(f, buffers, parallel))
	if s.judge(rt, fmt.Sprintf("flavor %s of %s", f.ID, name), g, want, valid, err) {
		g.busy = true
	}
}

// settle waits until nothing is at work, and compares.
func (s *sequence) settle(rt *rapid.T) {
	w, uuid := s.w, s.cluster.UUID
	deadline := time.Now().Add(patienceOfTests)
	var trouble []string
	for ; time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		s.revive()
		if open := s.unfinished(); open > 0 {
			trouble = []string{fmt.Sprintf("%d operations are unfinished: %v", open, w.events(s.t, uuid))}
			continue
		}
		if trouble = w.differences(s.t, s.cluster); len(trouble) == 0 { // a killed machine comes back in a moment
			break
		}
	}
	if len(trouble) > 0 {
		rt.Fatalf("%v\nevents: %v", trouble, w.events(s.t, uuid))
	}
	groups, _ := w.state(s.t, uuid)
	seen := map[string]bool{}
	failed := false
	for _, g := range groups {
		seen[g.Name] = true
		own, _ := s.nodesOfGroup(g.Name)
		stopped := 0
		for _, n := range own {
			if n.Status == hanok.NodeShutoff {
				stopped++
			}
		}
		m := s.groups[g.Name]
		failed = failed || g.Status.Failed()
		switch {
		case g.Status.InProgress():
			rt.Fatalf("group %s is %s, and nothing is at work", g.Name, g.Status)
		case s.blocked && (m == nil || g.Status.Failed() || m.count != g.NodeCount):
		case m == nil:
			rt.Fatalf("group %s is there, %s; the model has deleted it", g.Name, g.Status)
		case g.Status.Failed():
			rt.Fatalf("group %s is %s: %s", g.Name, g.Status, g.StatusReason)
		case m.count != g.NodeCount || (m.stopped >= 0 && m.stopped != stopped):
			rt.Fatalf("group %s has %d nodes, %d stopped; the model says %d and %d", g.Name, g.NodeCount, stopped, m.count, m.stopped)
		}
		s.groups[g.Name] = &modelGroup{count: g.NodeCount, stopped: stopped}
	}
	for _, name := range slices.Collect(maps.Keys(s.groups)) {
		if !seen[name] {
			if !s.blocked {
				rt.Fatalf("group %s is not there", name)
			}
			delete(s.groups, name)
		}
	}
	if c, _ := w.cluster(s.t, uuid); c.Status.InProgress() || (!s.blocked && !failed && c.Status == hanok.UpdateFailed) {
		rt.Fatalf("the cluster is %s (%s), and nothing is at work", c.Status, c.StatusReason)
	}
	w.mu.Lock()
	s.blocked = len(w.blocked) > 0 || failed
	w.mu.Unlock()
}

func (s *sequence) unfinished() (n int) {
	err := s.w.store.View(s.t.Context(), func(tx store.Tx) error {
		events, err := tx.UnfinishedEvents(s.cluster.UUID)
		n = len(events)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *sequence) deleteCluster(rt *rapid.T) {
	for s.e.DeleteCluster(s.t.Context(), s.cluster.UUID) != nil {
		s.revive()
	}
	deadline := time.Now().Add(patienceOfTests)
	for ; time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		s.revive()
		if _, there := s.w.cluster(s.t, s.cluster.UUID); !there {
			break
		}
	}
	if i := s.w.cloud.Inventory(); !i.Empty() {
		rt.Fatalf("the cloud still holds %d machines, %d ports, %d endpoints", len(i.Machines), len(i.Ports), len(i.Endpoints))
	}
}
