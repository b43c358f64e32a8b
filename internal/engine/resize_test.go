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
	"github.com/hanok/hanok/internal/quota"
	"github.com/hanok/hanok/internal/store"
)

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
	foreign := w.addGroup(t, e, c, "added", 1)
	_, own := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	before := w.events(t, c.UUID)
	for name, tt := range map[string]struct {
		plan admission.ResizePlan
		kind hanok.Kind
		want string
	}{
		"unknown group":     {admission.ResizePlan{Group: "none", NodeCount: 1}, hanok.KindNotFound, "none"},
		"list too long":     {admission.ResizePlan{NodeCount: 1, Remove: uuidsOf(own)}, hanok.KindInvalid, "nodes_to_remove"},
		"list when growing": {admission.ResizePlan{NodeCount: 3, Remove: uuidsOf(own[:1])}, hanok.KindInvalid, "nodes_to_remove"},
		"list of no change": {admission.ResizePlan{NodeCount: 2, Remove: uuidsOf(own[:1])}, hanok.KindInvalid, "nodes_to_remove"},
		"a foreign node":    {admission.ResizePlan{NodeCount: 1, Remove: uuidsOf(foreign)}, hanok.KindInvalid, foreign[0].UUID},
		"beyond the guide":  {admission.ResizePlan{NodeCount: 11}, hanok.KindInvalid, "node_count: 11 is out of bounds; it must be 1 to 10"},
	} {
		if _, err := e.Resize(t.Context(), c.UUID, &tt.plan); hanok.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	w.setQuota(t, c.ProjectID, quota.Node, 1000)
	if _, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: 300}); hanok.KindOf(err) != hanok.KindInvalid || !strings.Contains(err.Error(), "room for 253") {
		t.Errorf("beyond the network: %v", err)
	}
	if after := w.events(t, c.UUID); !slices.Equal(before, after) {
		t.Errorf("refused requests left events: %v", after)
	}
	w.agree(t, c)
}

// TestResizeKeepsOneRunning: a group with a node that runs keeps one, whoever
// chooses the nodes that leave.
func TestResizeKeepsOneRunning(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 3)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	if err := stop(t, e, c, nodes[0].UUID); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	before := w.events(t, c.UUID)
	_, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: 1, Remove: uuidsOf(nodes[1:])})
	if hanok.KindOf(err) != hanok.KindInvalid || !strings.Contains(err.Error(), "nodes_to_remove") || !strings.Contains(err.Error(), "running") {
		t.Errorf("only a stopped node would be left: %v", err)
	}
	if after := w.events(t, c.UUID); !slices.Equal(before, after) {
		t.Errorf("the refused request left events: %v", after)
	}
	w.agree(t, c)
	if _, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: 1}); err != nil {
		t.Fatal(err)
	}
	c = w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	if _, left := w.group(t, c.UUID, hanok.DefaultWorkerGroup); len(left) != 1 || left[0].Status != hanok.NodeActive {
		t.Errorf("%+v remain, want one that runs", left)
	}
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
