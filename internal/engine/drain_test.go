package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra/fake"
)

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
	w.addGroup(t, e, c, "added", 1)
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
