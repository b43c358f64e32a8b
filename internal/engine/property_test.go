package engine

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/engine/enginetest"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/store"
)

// sequenceShards run beside each other, each rapid.checks sequences.
const sequenceShards = 4

// A run of all tests tries 2000 sequences. A file of a failure would not
// repeat it: goroutines take turns as they like.
func init() {
	for name, value := range map[string]string{"rapid.checks": "500", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
}

// TestSequences drives random sequences of calls on an engine over a cloud in
// memory, by a clock of their own: the product's pauses and limits are the
// real ones and take no time. More: go test -run Sequences -rapid.checks=5000.
func TestSequences(t *testing.T) {
	t.Parallel()
	for shard := range sequenceShards {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			dir := memoryDir(t)
			rapid.Check(t, func(rt *rapid.T) {
				inBubble(t, func(t *testing.T) {
					w := newSequenceWorld(t, rt, dir)
					defer w.end()
					enginetest.Run(rt, w, enginetest.Bounds{
						NodeCount: 2, MaxNodeCount: 5, MaxNodes: 100, Flavors: [2]string{w.small.ID, larger.ID}, Patience: 6 * time.Hour,
					})
				})
			})
		})
	}
}

// memoryDir is a directory for databases that need not outlive the test: in
// memory where the host has such a file system, because a sequence commits
// hundreds of times.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", fmt.Sprintf("hanok-test-%d-", os.Getpid()))
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// inBubble runs a part of a test by a clock of its own. A panic, which is how
// rapid ends a sequence, passes through.
func inBubble(t *testing.T, run func(t *testing.T)) {
	var ended any
	synctest.Test(t, func(t *testing.T) {
		defer func() { ended = recover() }()
		run(t)
	})
	if ended != nil {
		panic(ended)
	}
}

// sequenceWorld is a world as sequences drive it: an engine that can die, and
// one cluster.
type sequenceWorld struct {
	*world
	t       *testing.T
	small   infra.Flavor
	e       *Engine
	m       *mortal
	stop    func()
	cluster hanok.Cluster
	outage  atomic.Int32 // outages under way
	chance  *rand.Rand
}

func newSequenceWorld(t *testing.T, rt *rapid.T, dir string) *sequenceWorld {
	polls, seed := rapid.IntRange(0, 3).Draw(rt, "polls"), rapid.Uint64().Draw(rt, "seed")
	dir, err := os.MkdirTemp(dir, "world-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &sequenceWorld{t: t, small: plan("", 1).Flavor, chance: rand.New(rand.NewPCG(seed, 0)),
		world: newWorldIn(t, dir, fake.Options{Polls: polls, LoseRate: 0.02, FailRate: 0.02, Seed: seed})}
	w.pause = 2 * time.Second
	w.live()
	w.cluster = create(t, w.e, plan("prod", 2))
	for nth := 0; w.State().Status != hanok.CreateComplete; nth++ {
		w.Wait(nth)
	}
	return w
}

// live starts an engine that can be made to die.
func (w *sequenceWorld) live() {
	m := &mortal{Store: w.store, Driver: w.cloud}
	w.m = m
	w.e, w.stop = w.start(w.t, func(c *Config) {
		c.Store, c.Driver, c.Kube = m, m, mortalKubernetes{w.world, m}
		c.Settings.HealthInterval = 0 // the product's own
		c.AtBoundary = func(Boundary) {
			if m.countdown.Add(-1) == 0 {
				m.dead.Store(true)
			}
		}
	})
}

func (w *sequenceWorld) end() {
	w.m.dead.Store(true)
	w.stop()
	w.store.Close()
	w.records.Close()
}

// lost replaces the error of a call that the engine died in.
func (w *sequenceWorld) lost(err error) error {
	if err != nil && w.m.dead.Load() {
		return enginetest.ErrLost
	}
	return err
}

func (w *sequenceWorld) CreateGroup(name string, nodes int) error {
	_, err := w.e.CreateNodeGroup(w.t.Context(), w.cluster.UUID, groupPlan(name, nodes))
	return w.lost(err)
}

func (w *sequenceWorld) DeleteGroup(name string) error {
	return w.lost(w.e.DeleteNodeGroup(w.t.Context(), w.cluster.UUID, name))
}

func (w *sequenceWorld) Resize(group string, count int, remove []string) error {
	_, err := w.e.Resize(w.t.Context(), w.cluster.UUID, &admission.ResizePlan{Group: group, NodeCount: count, Remove: remove})
	return w.lost(err)
}

func (w *sequenceWorld) StopNodes(group string, uuids []string) error {
	_, err := w.e.StopNodes(w.t.Context(), w.cluster.UUID, group, uuids)
	return w.lost(err)
}

func (w *sequenceWorld) StartNodes(group string, uuids []string) error {
	_, err := w.e.StartNodes(w.t.Context(), w.cluster.UUID, group, uuids)
	return w.lost(err)
}

func (w *sequenceWorld) ChangeFlavor(group, flavor string, buffers, parallel int) error {
	to := w.small
	if flavor == larger.ID {
		to = larger
	}
	_, err := w.e.ChangeFlavor(w.t.Context(), w.cluster.UUID, group, flavorPlan(to, buffers, parallel))
	return w.lost(err)
}

func (w *sequenceWorld) DeleteCluster() error {
	return w.lost(w.e.DeleteCluster(w.t.Context(), w.cluster.UUID))
}

// State reads all in one transaction: operations go on meanwhile.
func (w *sequenceWorld) State() (s enginetest.State) {
	err := w.store.View(w.t.Context(), func(tx store.Tx) error {
		s = enginetest.State{}
		c, err := tx.Cluster(w.cluster.UUID)
		if hanok.KindOf(err) == hanok.KindNotFound {
			s.Gone = true
			return nil
		}
		if err != nil {
			return err
		}
		s.Status, s.Reason = c.Status, c.StatusReason
		events, err := tx.Events(c.UUID)
		if err != nil {
			return err
		}
		for _, e := range events {
			s.Events = append(s.Events, fmt.Sprintf("%s of %s %s %s", e.Type, e.ResourceName, e.State, e.Contents))
			if e.State == hanok.EventInProgress {
				s.Unfinished++
			}
		}
		groups, err := tx.NodeGroups(c.UUID)
		if err != nil {
			return err
		}
		nodes, err := tx.Nodes(c.UUID)
		for _, g := range groups {
			if g.Role != hanok.RoleWorker {
				continue
			}
			s.Groups = append(s.Groups, enginetest.Group{Name: g.Name, Status: g.Status, Reason: g.StatusReason, Flavor: g.FlavorID, NodeCount: g.NodeCount})
			for _, n := range nodes {
				if n.NodeGroupUUID == g.UUID && n.UUID != "" {
					s.Nodes = append(s.Nodes, enginetest.Node{UUID: n.UUID, Name: n.Name, Group: g.Name, Flavor: n.FlavorID, Status: n.Status})
				}
			}
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *sequenceWorld) Differences() []string { return w.differences(w.t, w.cluster) }

func (w *sequenceWorld) Remains() (left []string) {
	i := w.cloud.Inventory()
	for _, m := range i.Machines {
		left = append(left, "machine "+m.Name)
	}
	for _, p := range i.Ports {
		left = append(left, "address "+p.Address.String())
	}
	for _, e := range i.Endpoints {
		left = append(left, "endpoint "+e.Address.String())
	}
	return left
}

func (w *sequenceWorld) Crash() { w.m.dead.Store(true) }

func (w *sequenceWorld) CrashSoon(rt *rapid.T) {
	w.m.countdown.Store(rapid.Int64Range(1, 12).Draw(rt, "boundaries"))
}

func (w *sequenceWorld) Revive() {
	if !w.m.dead.Load() {
		return
	}
	w.stop()
	w.store.Close()
	w.store = w.openStore(w.t)
	w.live()
}

func (w *sequenceWorld) KillMachine(uuid string) {
	if err := w.cloud.Kill(uuid); err != nil && hanok.KindOf(err) != hanok.KindNotFound {
		w.t.Fatal(err)
	}
}

func (w *sequenceWorld) Troubles() map[string]enginetest.Trouble {
	cloud := w.during(func() { w.cloud.SetRates(1, 0) }, func() { w.cloud.SetRates(0.02, 0.02) })
	api := w.during(func() { w.apiDown.Store(true) }, func() { w.apiDown.Store(false) })
	nodes := w.during(func() { w.notReady.Store(true) }, func() { w.notReady.Store(false) })
	return map[string]enginetest.Trouble{
		"a budget is never met": {Begin: func(rt *rapid.T) {
			if nodes := w.State().Nodes; len(nodes) > 0 {
				w.block(rapid.SampledFrom(nodes).Draw(rt, "node").Name, "shop/cart-0")
			}
		}},
		"a Node object is deleted": {Begin: func(rt *rapid.T) {
			if nodes := w.State().Nodes; len(nodes) > 0 {
				w.deleteObject(rapid.SampledFrom(nodes).Draw(rt, "node").Name)
			}
		}},
		"the cloud is away":               {Begin: cloud(time.Second, 5*time.Minute)},
		"the API server is away":          {Begin: api(time.Second, 5*time.Minute)},
		"nodes are not Ready":             {Begin: nodes(time.Second, time.Minute)},
		"the cloud is away for long":      {Begin: cloud(5*time.Minute, 40*time.Minute), Lasting: true},
		"the API server is away for long": {Begin: api(5*time.Minute, 40*time.Minute), Lasting: true},
		"nodes are not Ready for long":    {Begin: nodes(5*time.Minute, 40*time.Minute), Lasting: true},
	}
}

// during gives troubles that end by themselves.
func (w *sequenceWorld) during(begin, end func()) func(shortest, longest time.Duration) func(*rapid.T) {
	return func(shortest, longest time.Duration) func(*rapid.T) {
		return func(rt *rapid.T) {
			seconds := rapid.Int64Range(int64(shortest.Seconds()), int64(longest.Seconds())).Draw(rt, "seconds")
			begin()
			w.outage.Add(1)
			time.AfterFunc(time.Duration(seconds)*time.Second, func() {
				end()
				w.outage.Add(-1)
			})
		}
	}
}

// Heal waits for what ends by itself.
func (w *sequenceWorld) Heal() {
	w.mu.Lock()
	clear(w.blocked)
	w.mu.Unlock()
	for nth := 0; w.outage.Load() > 0; nth++ {
		w.Wait(nth)
	}
}

// Wait lets a random time pass: sequences meet operations at other moments
// than those of round seconds.
func (w *sequenceWorld) Wait(nth int) {
	time.Sleep(time.Duration(w.chance.Int64N(int64(min(nth+1, 60)) * int64(time.Second))))
}
