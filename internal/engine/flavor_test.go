package engine

import (
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

var larger = infra.Flavor{ID: "f2", Name: "m2.c4m8", VCPUs: 4, MemoryMB: 8192}

func flavorPlan(f infra.Flavor, buffers, parallel int) *admission.FlavorPlan {
	return &admission.FlavorPlan{Flavor: f, Rolling: admission.Rolling{Buffers: &buffers, MaxUnavailable: parallel, Quota: 10}}
}

func changeFlavor(t *testing.T, e *Engine, c hanok.Cluster, plan *admission.FlavorPlan) {
	t.Helper()
	if _, err := e.ChangeFlavor(t.Context(), c.UUID, hanok.DefaultWorkerGroup, plan); err != nil {
		t.Fatal(err)
	}
}

// wantFlavor checks that group, cluster, records, machines and states have a flavor.
func (w *world) wantFlavor(t *testing.T, c hanok.Cluster, f infra.Flavor) {
	t.Helper()
	g, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	if now, _ := w.cluster(t, c.UUID); g.FlavorID != f.ID || now.FlavorID != f.ID {
		t.Errorf("the group has flavor %s, the cluster %s, want %s", g.FlavorID, now.FlavorID, f.ID)
	}
	d := Desired{Store: w.store, Bundles: w}
	for _, m := range w.cloud.Inventory().Machines {
		i := slices.IndexFunc(nodes, func(n hanok.Node) bool { return n.UUID == m.ID })
		if i < 0 {
			continue
		}
		if m.FlavorID != f.ID || nodes[i].FlavorID != f.ID {
			t.Errorf("machine %s has flavor %s, its record %s, want %s", m.Name, m.FlavorID, nodes[i].FlavorID, f.ID)
		}
		s, err := d.Render(t.Context(), nodes[i].Key)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range s.Processes {
			if p.Name == "kubelet" && !strings.Contains(strings.Join(p.Argv, " "), "node.kubernetes.io/instance-type="+f.Name) {
				t.Errorf("kubelet of %s: %v", m.Name, p.Argv)
			}
		}
	}
}

func TestChangeFlavor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 3)
	_, before := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	changeFlavor(t, e, c, flavorPlan(larger, 2, 2))
	c = w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
	w.wantFlavor(t, c, larger)
	if _, after := w.group(t, c.UUID, hanok.DefaultWorkerGroup); !slices.Equal(uuidsOf(before), uuidsOf(after)) {
		t.Errorf("the nodes were %v and are %v", uuidsOf(before), uuidsOf(after))
	}
	if got := w.events(t, c.UUID)[0]; got != "NODEGROUP_UPDATE_FLAVOR SUCCESS" {
		t.Errorf("its event: %q", got)
	}
	if made := w.cloud.Inventory().Calls["CreateMachine"]; made != 4+2 {
		t.Errorf("%d machines were made, want those of the cluster and two buffers", made)
	}
}

// TestChangeFlavorWithoutRoom: in a pod network that is full there is no buffer,
// unless one is asked for by name.
func TestChangeFlavorWithoutRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	p := plan("prod", 1)
	p.Cluster.Labels["pods_network_cidr"], p.Cluster.Labels["pods_network_subnet"] = "10.77.0.0/24", "26"
	c := create(t, e, p)
	c = w.awaitStatus(t, c.UUID, hanok.CreateComplete)
	_, err := e.ChangeFlavor(t.Context(), c.UUID, hanok.DefaultWorkerGroup, flavorPlan(larger, 1, 1))
	if hanok.KindOf(err) != hanok.KindInvalid || !strings.Contains(err.Error(), "num_buffer_nodes: ") || !strings.Contains(err.Error(), "room for 1") {
		t.Errorf("a buffer for which there is no room: %v", err)
	}
	unsaid := flavorPlan(larger, 0, 1)
	unsaid.Rolling.Buffers = nil
	changeFlavor(t, e, c, unsaid)
	c = w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
	w.wantFlavor(t, c, larger)
}

func TestChangeFlavorRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 2)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	refused := func(what string, plan *admission.FlavorPlan, kind hanok.Kind, says string) {
		t.Helper()
		_, err := e.ChangeFlavor(t.Context(), c.UUID, hanok.DefaultWorkerGroup, plan)
		if hanok.KindOf(err) != kind || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", what, err, says)
		}
	}
	own := infra.Flavor{ID: "f1", Name: "m2.c2m4", VCPUs: 2, MemoryMB: 4096}
	refused("the same flavor", flavorPlan(own, 0, 1), hanok.KindInvalid, "flavor_id: ")
	refused("another family", flavorPlan(infra.Flavor{ID: "f3", Name: "u2.c2m4", VCPUs: 2, MemoryMB: 4096}, 0, 1), hanok.KindInvalid, "flavor_id: ")
	refused("too many buffers", flavorPlan(larger, 9, 1), hanok.KindInvalid, "num_buffer_nodes: ")
	refused("too many at a time", flavorPlan(larger, 0, 3), hanok.KindInvalid, "num_max_unavailable_nodes: ")
	if err := stop(t, e, c, nodes[0].UUID); err != nil {
		t.Fatal(err)
	}
	refused("a busy group", flavorPlan(larger, 0, 1), hanok.KindConflict, "")
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	refused("a stopped node", flavorPlan(larger, 0, 1), hanok.KindConflict, nodes[0].Name)
	w.agree(t, c)
	var events []hanok.Event
	if err := w.store.View(t.Context(), func(tx store.Tx) (err error) {
		events, err = tx.Events(c.UUID)
		return err
	}); err != nil || len(events) != 2 {
		t.Errorf("%d events (%v), want those of the create and the stop", len(events), err)
	}
}

// TestChangeFlavorBlocked: a budget that can never be met ends it with the
// pod's name; no node is left out of service, no buffer stays, and the same
// request goes on where it stopped.
func TestChangeFlavorBlocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, func(c *Config) { c.Settings.DrainTimeout = 300 * time.Millisecond })
	c := completed(t, w, e, 3)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	w.block(nodes[2].Name, "shop/cart-0")
	changeFlavor(t, e, c, flavorPlan(larger, 1, 1))
	c = w.awaitStatus(t, c.UUID, hanok.UpdateFailed)
	if got := w.events(t, c.UUID)[0]; !strings.Contains(got, "FAIL") || !strings.Contains(got, "shop/cart-0") {
		t.Errorf("its event: %q", got)
	}
	w.agree(t, c)
	if _, left := w.group(t, c.UUID, hanok.DefaultWorkerGroup); len(left) != 3 {
		t.Errorf("%d nodes are left, want 3", len(left))
	}
	w.block(nodes[2].Name, "")
	changeFlavor(t, e, c, flavorPlan(larger, 0, 1))
	c = w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
	w.wantFlavor(t, c, larger)
}

// TestChangeFlavorDoesNotFit: nodes that cannot grow come back as they were.
func TestChangeFlavorDoesNotFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{Capacity: infra.Capacity{VCPUs: 64, MemoryMB: 2*4096 + 1536 + 1024, DiskGB: 1000}})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 2)
	changeFlavor(t, e, c, flavorPlan(larger, 0, 2))
	c = w.awaitStatus(t, c.UUID, hanok.UpdateFailed)
	w.agree(t, c)
	if !strings.Contains(c.StatusReason, "MiB") {
		t.Errorf("the reason %q names no number", c.StatusReason)
	}
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	for _, n := range nodes {
		if n.FlavorID != "f1" || n.Status != hanok.NodeActive {
			t.Errorf("node %s has flavor %s and is %s", n.Name, n.FlavorID, n.Status)
		}
	}
	smaller := infra.Flavor{ID: "f0", Name: "m2.c1m2", VCPUs: 1, MemoryMB: 2048}
	changeFlavor(t, e, c, flavorPlan(smaller, 0, 1))
	c = w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
	w.wantFlavor(t, c, smaller)
}
