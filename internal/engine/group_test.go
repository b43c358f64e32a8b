package engine

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/store"
)

func groupPlan(name string, nodes int) *admission.GroupPlan {
	return &admission.GroupPlan{
		Group:  hanok.NodeGroup{Name: name, Role: hanok.RoleWorker, FlavorID: "f1", ImageID: "i1", NodeCount: nodes},
		Flavor: infra.Flavor{ID: "f1", Name: "m2.c2m4", VCPUs: 2, MemoryMB: 4096}, Image: infra.Image{ID: "i1", LoginUser: "debian"},
		BootVolume: infra.Volume{Type: "General HDD", SizeGB: 20},
	}
}

// completed is a cluster that is complete, in a world with an engine.
func completed(t *testing.T, w *world, e *Engine, workers int) hanok.Cluster {
	t.Helper()
	c := create(t, e, plan("prod", workers))
	return w.awaitStatus(t, c.UUID, hanok.CreateComplete)
}

// state is what the store has of a cluster.
func (w *world) state(t *testing.T, uuid string) (groups []hanok.NodeGroup, workers []hanok.Node) {
	t.Helper()
	err := w.store.View(t.Context(), func(tx store.Tx) error {
		workers = nil
		nodes, err := tx.Nodes(uuid)
		if err != nil {
			return err
		}
		for _, n := range nodes {
			if n.Role == hanok.RoleWorker {
				workers = append(workers, n)
			}
		}
		groups, err = tx.NodeGroups(uuid)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return groups, workers
}

func (w *world) group(t *testing.T, uuid, name string) (hanok.NodeGroup, []hanok.Node) {
	t.Helper()
	groups, workers := w.state(t, uuid)
	for _, g := range groups {
		if g.Name == name {
			return g, slices.DeleteFunc(workers, func(n hanok.Node) bool { return n.NodeGroupUUID != g.UUID })
		}
	}
	t.Fatalf("there is no group %s", name)
	return hanok.NodeGroup{}, nil
}

// agree fails the test unless groups, records, machines, addresses and
// Kubernetes' nodes are the same nodes.
func (w *world) agree(t *testing.T, c hanok.Cluster) {
	t.Helper()
	for _, d := range w.differences(t, c) {
		t.Error(d)
	}
}

func (w *world) differences(t *testing.T, c hanok.Cluster) (all []string) {
	t.Helper()
	differ := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	groups, workers := w.state(t, c.UUID)
	count := map[string]int{}
	names, cidrs := map[string]bool{}, map[string]bool{}
	machines := map[string]infra.Machine{}
	inventory := w.cloud.Inventory()
	for _, m := range inventory.Machines {
		if m.ClusterUUID == c.UUID && m.Role == hanok.RoleWorker {
			machines[m.Key] = m
		}
	}
	kubernetes := map[string]bool{}
	for _, n := range w.nodesOf(c.UUID) {
		kubernetes[n.Name] = n.Ready
	}
	pods := c.PodCIDR()
	for _, n := range workers {
		count[n.NodeGroupUUID]++
		if names[n.Name] || cidrs[n.PodCIDR] {
			differ("the name or the pod CIDR of %s (%s) is taken twice", n.Name, n.PodCIDR)
		}
		names[n.Name], cidrs[n.PodCIDR] = true, true
		if p, err := netip.ParsePrefix(n.PodCIDR); err != nil || !pods.Overlaps(p) {
			differ("node %s has the pod CIDR %q", n.Name, n.PodCIDR)
		}
		m, ok := machines[n.Key]
		delete(machines, n.Key)
		if ok && m.FlavorID != n.FlavorID {
			differ("node %s has flavor %s on record, its machine %s", n.Name, n.FlavorID, m.FlavorID)
		}
		if !ok || m.ID != n.UUID || string(m.Status) != string(n.Status) {
			differ("node %s is %s %q, its machine is %s %q", n.Name, n.Status, n.UUID, m.Status, m.ID)
		}
		ready, there := kubernetes[n.Name]
		delete(kubernetes, n.Name)
		if want := n.Status == hanok.NodeActive; there != want || ready != want {
			differ("node %s is %s; in Kubernetes it is there: %v, Ready: %v", n.Name, n.Status, there, ready)
		}
		if w.cordoned(n.Name) {
			differ("node %s is left unschedulable", n.Name)
		}
	}
	for _, m := range machines {
		differ("machine %s has no record", m.Name)
	}
	for name := range kubernetes {
		differ("Kubernetes has node %s, which is no more", name)
	}
	for _, g := range groups {
		if g.NodeCount != count[g.UUID] {
			differ("group %s has node_count %d and %d nodes", g.Name, g.NodeCount, count[g.UUID])
		}
	}
	if want := len(workers) + 1; len(inventory.Endpoints) == 1 && len(inventory.Ports) != want { // one cluster's
		differ("%d addresses are reserved, want %d", len(inventory.Ports), want)
	}
	return all
}

func uuidsOf(nodes []hanok.Node) (uuids []string) {
	for _, n := range nodes {
		uuids = append(uuids, n.UUID)
	}
	return uuids
}

func TestNodeGroupLifeCycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{Polls: 2, LoseRate: 0.05, Seed: 3})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 1)

	// Two groups at once, as Terraform makes them.
	g, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan("added", 2))
	if err != nil {
		t.Fatal(err)
	}
	if g.Status != hanok.CreateInProgress || g.Version != c.Version || g.Keypair != c.Keypair || g.NodeCount != 2 {
		t.Errorf("CreateNodeGroup gives %+v", g)
	}
	if now, _ := w.cluster(t, c.UUID); now.Status != hanok.UpdateInProgress {
		t.Errorf("the cluster is %s meanwhile", now.Status)
	}
	if _, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan("other", 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan("added", 1)); hanok.KindOf(err) != hanok.KindConflict {
		t.Errorf("a second group of the name: %v", err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
	if now, _ := w.cluster(t, c.UUID); now.HealthStatus != hanok.Healthy || len(now.HealthReason) != 5 {
		t.Errorf("right after, the health is %s %v", now.HealthStatus, now.HealthReason)
	}
	if g, nodes := w.group(t, c.UUID, "added"); g.Status != hanok.CreateComplete || len(nodes) != 2 {
		t.Errorf("group %s with %d nodes", g.Status, len(nodes))
	}

	// The default group may go while others remain, and the last may not.
	for _, name := range []string{hanok.DefaultWorkerGroup, "other"} {
		if err := e.DeleteNodeGroup(t.Context(), c.UUID, name); err != nil {
			t.Fatal(err)
		}
		if err := e.DeleteNodeGroup(t.Context(), c.UUID, name); err != nil {
			t.Errorf("a second delete while the first runs: %v", err)
		}
	}
	if err := e.DeleteNodeGroup(t.Context(), c.UUID, "added"); hanok.KindOf(err) != hanok.KindInvalid || !strings.Contains(err.Error(), "last worker group") {
		t.Errorf("deleting the last group: %v", err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
	if err := e.DeleteNodeGroup(t.Context(), c.UUID, "other"); hanok.KindOf(err) != hanok.KindNotFound {
		t.Errorf("deleting a group that is gone: %v", err)
	}
	if _, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: 3}); hanok.KindOf(err) != hanok.KindInvalid {
		t.Errorf("a resize that names no group, without a default group: %v", err)
	}
	if groups, _ := w.state(t, c.UUID); len(groups) != 1 || groups[0].Name != "added" {
		t.Errorf("groups %+v remain", groups)
	}
	remove(t, e, c.UUID)
	w.awaitGone(t, c.UUID)
	w.wantEmpty(t)
}

func TestResize(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{Polls: 2})
	// Nobody looks at the cluster's health but the operations themselves.
	e, _ := w.start(t, func(c *Config) { c.Settings.HealthInterval = time.Hour })
	c := completed(t, w, e, 2)
	resize := func(count int, uuids ...string) {
		t.Helper()
		if _, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: count, Remove: uuids}); err != nil {
			t.Fatal(err)
		}
		c = w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
		w.agree(t, c)
	}
	resize(5)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	gone := []hanok.Node{nodes[0], nodes[3]}
	resize(3, uuidsOf(gone)...)
	_, left := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	if want := []string{nodes[1].UUID, nodes[2].UUID, nodes[4].UUID}; !slices.Equal(uuidsOf(left), want) {
		t.Errorf("%v remain, want %v", uuidsOf(left), want)
	}
	// What is free again is used again, lowest first.
	resize(4)
	if _, now := w.group(t, c.UUID, hanok.DefaultWorkerGroup); now[3].Name != nodes[0].Name || now[3].PodCIDR != nodes[0].PodCIDR || now[3].Key == nodes[0].Key {
		t.Errorf("the new node is %+v, want the name and pod CIDR of %+v", now[3], nodes[0])
	}
	// Without a list: not Ready first, then the youngest; the event says which.
	_, now := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	err := w.store.Update(t.Context(), func(tx store.Tx) error {
		c, err := tx.Cluster(c.UUID)
		if err != nil {
			return err
		}
		c.HealthReason = map[string]string{"api": "ok", now[1].Name + ".Ready": "False"}
		return tx.PutCluster(c)
	})
	if err != nil {
		t.Fatal(err)
	}
	resize(2)
	if _, left := w.group(t, c.UUID, hanok.DefaultWorkerGroup); len(left) != 2 || left[0].UUID != now[0].UUID {
		t.Errorf("%v remain of %v", uuidsOf(left), uuidsOf(now))
	}
	if got := w.events(t, c.UUID)[0]; !strings.Contains(got, "CLUSTER_RESIZE SUCCESS") || !strings.Contains(got, "was not given") || strings.Count(got, "-node-") != 2 {
		t.Errorf("the event says %q", got)
	}
	resize(2) // nothing to do is done
}

func TestResizeRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 2)
	if _, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan("added", 1)); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	_, own := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	_, foreign := w.group(t, c.UUID, "added")
	before := w.events(t, c.UUID)
	for name, tt := range map[string]struct {
		plan admission.ResizePlan
		kind hanok.Kind
		want string
	}{
		"unknown group":      {admission.ResizePlan{Group: "none", NodeCount: 1}, hanok.KindNotFound, "none"},
		"list too long":      {admission.ResizePlan{NodeCount: 1, Remove: uuidsOf(own)}, hanok.KindInvalid, "nodes_to_remove"},
		"list when growing":  {admission.ResizePlan{NodeCount: 3, Remove: uuidsOf(own[:1])}, hanok.KindInvalid, "nodes_to_remove"},
		"list of no change":  {admission.ResizePlan{NodeCount: 2, Remove: uuidsOf(own[:1])}, hanok.KindInvalid, "nodes_to_remove"},
		"a foreign node":     {admission.ResizePlan{NodeCount: 1, Remove: uuidsOf(foreign)}, hanok.KindInvalid, foreign[0].UUID},
		"beyond the network": {admission.ResizePlan{NodeCount: 300}, hanok.KindInvalid, "room for 253"},
	} {
		if _, err := e.Resize(t.Context(), c.UUID, &tt.plan); hanok.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	for name, err := range map[string]error{
		"stop of all":       stop(t, e, c, uuidsOf(own)...),
		"stop of a foreign": stop(t, e, c, foreign[0].UUID),
		"start of running":  start(t, e, c, own[0].UUID),
	} {
		if hanok.KindOf(err) != hanok.KindInvalid || !strings.Contains(err.Error(), "node_list") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := w.events(t, c.UUID); !slices.Equal(before, after) {
		t.Errorf("refused requests left events: %v", after)
	}
	w.agree(t, c)
}

func stop(t *testing.T, e *Engine, c hanok.Cluster, uuids ...string) error {
	t.Helper()
	_, err := e.StopNodes(t.Context(), c.UUID, hanok.DefaultWorkerGroup, uuids)
	return err
}

func start(t *testing.T, e *Engine, c hanok.Cluster, uuids ...string) error {
	t.Helper()
	_, err := e.StartNodes(t.Context(), c.UUID, hanok.DefaultWorkerGroup, uuids)
	return err
}

// TestGroupIsLocked: the second operation on one group is refused without a
// trace, and another group's goes on beside the first.
func TestGroupIsLocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 1)
	w.notReady.Store(true)
	if _, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: 2}); err != nil {
		t.Fatal(err)
	}
	before := len(w.events(t, c.UUID))
	for name, err := range map[string]error{
		"resize": func() error {
			_, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: 3})
			return err
		}(),
		"stop":  stop(t, e, c, "5801ef8a-3760-4858-b467-fc4c1201241d"),
		"start": start(t, e, c, "5801ef8a-3760-4858-b467-fc4c1201241d"),
	} {
		if hanok.KindOf(err) != hanok.KindConflict || !strings.Contains(err.Error(), "wait") {
			t.Errorf("%s while a resize runs: %v", name, err)
		}
	}
	if after := len(w.events(t, c.UUID)); after != before {
		t.Errorf("a refused request left an event: %v", w.events(t, c.UUID))
	}
	if _, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan("added", 1)); err != nil {
		t.Errorf("another group meanwhile: %v", err)
	}
	w.notReady.Store(false)
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
}

func TestStopAndStartNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{Polls: 3, LoseRate: 0.05, Seed: 5})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 3)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	if err := stop(t, e, c, nodes[0].UUID, nodes[1].UUID); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
	g, now := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	if now[0].Status != hanok.NodeShutoff || now[1].Status != hanok.NodeShutoff || now[2].Status != hanok.NodeActive || g.NodeCount != 3 {
		t.Errorf("after the stop: %d, %+v", g.NodeCount, now)
	}
	for name, err := range map[string]error{
		"stop of a stopped one":    stop(t, e, c, nodes[0].UUID),
		"stop of the last running": stop(t, e, c, nodes[2].UUID),
		"start of a running one":   start(t, e, c, nodes[0].UUID, nodes[2].UUID),
	} {
		if hanok.KindOf(err) != hanok.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := start(t, e, c, nodes[1].UUID); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
	// A stopped node is the least harmful to lose.
	if _, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: 2}); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
	if _, left := w.group(t, c.UUID, hanok.DefaultWorkerGroup); !slices.Equal(uuidsOf(left), uuidsOf(nodes[1:])) {
		t.Errorf("%v remain, want those that run", uuidsOf(left))
	}
}

// TestBudgetNeverMet: the operation fails with the pod's name after the
// limit, the node is schedulable again, and the next operation works.
func TestBudgetNeverMet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, func(c *Config) { c.Settings.DrainTimeout = 200 * time.Millisecond })
	c := completed(t, w, e, 3)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	w.block(nodes[1].Name, "shop/cart-0")
	wantFail := func(what string) {
		t.Helper()
		c = w.awaitStatus(t, c.UUID, hanok.UpdateFailed)
		got := w.events(t, c.UUID)[0]
		if !strings.Contains(got, "FAIL") || !strings.Contains(got, "shop/cart-0") || !strings.Contains(c.StatusReason, "shop/cart-0") {
			t.Errorf("%s: event %q, reason %q", what, got, c.StatusReason)
		}
		w.agree(t, c)
	}
	if _, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: 1, Remove: uuidsOf(nodes[:2])}); err != nil {
		t.Fatal(err)
	}
	wantFail("resize")
	if g, left := w.group(t, c.UUID, hanok.DefaultWorkerGroup); g.NodeCount != 2 || len(left) != 2 || g.Status != hanok.UpdateFailed {
		t.Errorf("group %s with node_count %d and %d nodes; the first node could go", g.Status, g.NodeCount, len(left))
	}
	if _, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: 3}); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	_, nodes = w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	if err := stop(t, e, c, nodes[0].UUID, nodes[1].UUID); err != nil {
		t.Fatal(err)
	}
	wantFail("stop") // node by node: one blocked, one stopped
	if got := w.events(t, c.UUID)[0]; strings.Count(got, ": stopped") != 1 || !strings.Contains(got, "1 of 2 nodes failed") {
		t.Errorf("the partial success is told as %q", got)
	}
	if _, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan("added", 1)); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	if err := e.DeleteNodeGroup(t.Context(), c.UUID, hanok.DefaultWorkerGroup); err != nil {
		t.Fatal(err)
	}
	wantFail("delete of the group")
	w.block(nodes[1].Name, "")
	w.block(nodes[0].Name, "")
	if err := e.DeleteNodeGroup(t.Context(), c.UUID, hanok.DefaultWorkerGroup); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
}

// TestGrowthFails: what could not be made is gone again, what was there stays.
func TestGrowthFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{Capacity: infra.Capacity{VCPUs: 64, MemoryMB: 3*4096 + 1536, DiskGB: 1000}})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 2)
	if _, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: 5}); err != nil {
		t.Fatal(err)
	}
	c = w.awaitStatus(t, c.UUID, hanok.UpdateFailed)
	w.agree(t, c)
	if g, _ := w.group(t, c.UUID, hanok.DefaultWorkerGroup); g.NodeCount < 2 || g.NodeCount > 3 || !strings.Contains(c.StatusReason, "4096 MiB") {
		t.Errorf("node_count %d, reason %q", g.NodeCount, c.StatusReason)
	}
	if _, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan("added", 3)); err != nil {
		t.Fatal(err)
	}
	c = w.awaitStatus(t, c.UUID, hanok.UpdateFailed)
	w.agree(t, c)
	if g, _ := w.group(t, c.UUID, "added"); g.Status != hanok.CreateFailed || !strings.Contains(g.StatusReason, "create it again") {
		t.Errorf("group %s: %q", g.Status, g.StatusReason)
	}
	if err := e.DeleteNodeGroup(t.Context(), c.UUID, "added"); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
}

// TestMachineIsGone: a machine that ends during an operation, or is gone
// before, hangs nothing.
func TestMachineIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 3)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	if err := w.cloud.Vanish(nodes[0].UUID); err != nil {
		t.Fatal(err)
	}
	w.block(nodes[0].Name, "shop/cart-0") // nobody is there to end it
	if _, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: 2, Remove: uuidsOf(nodes[:1])}); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
}

// TestCrashOfGroup kills the engine at every boundary of every operation on
// groups, and starts another one.
func TestCrashOfGroup(t *testing.T) {
	t.Parallel()
	for _, at := range Boundaries() {
		if at.Type == hanok.ClusterCreate || at.Type == hanok.ClusterDelete {
			continue
		}
		t.Run(at.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fake.Options{Polls: 2})
			victim, died := w.startMortal(t, at)
			c := completed(t, w, victim, 3)
			workers, stopped, events := w.groupOperation(t, victim, c, at)
			select {
			case <-died:
			case <-time.After(patienceOfTests):
				t.Fatal("the boundary was never reached")
			}
			w.store = w.openStore(t) // as a new process does
			w.start(t, nil)
			w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
			w.agree(t, c)
			_, nodes := w.state(t, c.UUID)
			off := 0
			for _, n := range nodes {
				if n.Status == hanok.NodeShutoff {
					off++
				}
			}
			if len(nodes) != workers || off != stopped {
				t.Errorf("%d workers, %d stopped; want %d and %d", len(nodes), off, workers, stopped)
			}
			if got := w.events(t, c.UUID); len(got) != events || slices.ContainsFunc(got, func(s string) bool { return !strings.Contains(s, "SUCCESS") }) {
				t.Errorf("events %q, want %d, all SUCCESS", got, events)
			}
		})
	}
}

// groupOperation begins an operation that reaches a boundary, and tells what
// the cluster is to be at its end.
func (w *world) groupOperation(t *testing.T, e *Engine, c hanok.Cluster, at Boundary) (workers, stopped, events int) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	switch at.Type {
	case hanok.NodeGroupCreate:
		_, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan("added", 2))
		must(err)
		return 5, 0, 2
	case hanok.NodeGroupDelete:
		_, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan("added", 1))
		must(err)
		w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
		must(e.DeleteNodeGroup(t.Context(), c.UUID, hanok.DefaultWorkerGroup))
		return 1, 0, 3
	case hanok.ClusterResize:
		count := 5
		if slices.ContainsFunc(shrinkSteps, func(s step) bool { return s.name == at.Step }) {
			count = 1
		}
		_, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: count})
		must(err)
		return count, 0, 2
	case hanok.NodesStop, hanok.NodesStart:
		must(stop(t, e, c, nodes[0].UUID, nodes[2].UUID))
		if at.Type == hanok.NodesStop {
			return 3, 2, 2
		}
		w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
		must(start(t, e, c, nodes[0].UUID, nodes[2].UUID))
		return 3, 0, 3
	case hanok.NodeGroupFlavor:
		_, err := e.ChangeFlavor(t.Context(), c.UUID, hanok.DefaultWorkerGroup, flavorPlan(larger, 1, 2))
		must(err)
		return 3, 0, 2
	}
	t.Fatalf("no test of %s", at.Type)
	return 0, 0, 0
}

// TestStartAfterAFailedStop: a stop that got no further than Kubernetes leaves
// a node that a start brings back.
func TestStartAfterAFailedStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 2)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	w.cloud.Inject("StopMachine", slices.Repeat([]fake.Fault{fake.Fail}, driverPatience.attempts)...)
	if err := stop(t, e, c, nodes[1].UUID); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateFailed)
	if got := w.events(t, c.UUID)[0]; !strings.Contains(got, "1 of 1 nodes failed") {
		t.Errorf("the event says %q", got)
	}
	if err := start(t, e, c, nodes[1].UUID); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
}

// TestClusterDeleteSupersedesGroups: deletion wins over whatever the groups do.
func TestClusterDeleteSupersedesGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{Polls: 2})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 2)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	w.block(nodes[0].Name, "shop/cart-0")
	w.notReady.Store(true)
	if err := stop(t, e, c, nodes[0].UUID); err != nil {
		t.Fatal(err)
	}
	if _, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan("added", 2)); err != nil {
		t.Fatal(err)
	}
	remove(t, e, c.UUID)
	w.awaitGone(t, c.UUID)
	w.wantEmpty(t)
	want := []string{"CLUSTER_DELETE SUCCESS", "NODEGROUP_CREATE FAIL superseded by deletion", "NODEGROUP_NODE_ACTION_NODE_STOP FAIL superseded by deletion", "CLUSTER_CREATE SUCCESS"}
	if got := w.events(t, c.UUID); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}
