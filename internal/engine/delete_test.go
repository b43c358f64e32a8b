package engine

import (
	"slices"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra/fake"
)

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
