package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

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

// TestDeleteSupersedesCreate deletes while each step of a create is under way.
func TestDeleteSupersedesCreate(t *testing.T) {
	t.Parallel()
	for _, s := range createSteps {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fake.Options{Delay: time.Millisecond, Polls: 2})
			reached, passed := make(chan struct{}), make(chan struct{})
			e, _ := w.start(t, func(c *Config) {
				c.AtBoundary = func(b Boundary) {
					if b == (Boundary{hanok.ClusterCreate, s.name, false}) {
						close(reached)
						<-passed
					}
				}
			})
			c := create(t, e, plan("prod", 2))
			<-reached
			remove(t, e, c.UUID)
			if now, _ := w.cluster(t, c.UUID); now.Status != hanok.DeleteInProgress {
				t.Errorf("status %s", now.Status)
			}
			remove(t, e, c.UUID) // a second one while the first runs
			close(passed)
			w.awaitGone(t, c.UUID)
			w.wantEmpty(t)
			want := []string{"CLUSTER_DELETE SUCCESS", "CLUSTER_CREATE FAIL superseded by deletion"}
			if got := w.events(t, c.UUID); !slices.Equal(got, want) {
				t.Errorf("events %q, want %q", got, want)
			}
		})
	}
}

func TestDeleteEndsAHangingCreate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	w.apiDown.Store(true)
	// One worker only: the hanging create must not keep the delete out.
	e, _ := w.start(t, func(c *Config) { c.Settings.Workers = 1 })
	c := create(t, e, plan("prod", 1))
	eventually(t, "the wait for the API server", func() (bool, string) {
		got := w.events(t, c.UUID)[0]
		return strings.Contains(got, "waiting for"), got
	})
	remove(t, e, c.UUID)
	w.awaitGone(t, c.UUID)
	w.wantEmpty(t)
}

func TestDeleteFailsAndIsRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, stop := w.start(t, nil)
	c := create(t, e, plan("prod", 1))
	w.awaitStatus(t, c.UUID, hanok.CreateComplete)
	stop()
	e, _ = w.start(t, func(c *Config) { c.Settings.DeleteTimeout = 300 * time.Millisecond })
	w.cloud.Inject("DeleteMachine", slices.Repeat([]fake.Fault{fake.Fail}, 1000)...)
	remove(t, e, c.UUID)
	c = w.awaitStatus(t, c.UUID, hanok.DeleteFailed)
	if !strings.Contains(c.StatusReason, "deleting machines") || !strings.Contains(c.StatusReason, "Delete the cluster again") {
		t.Errorf("reason %q", c.StatusReason)
	}
	stop()
	for w.cloud.Inventory().Calls["DeleteMachine"] < 1000 { // use the faults up
		w.cloud.DeleteMachine(t.Context(), "none")
	}
	e, _ = w.start(t, nil)
	remove(t, e, c.UUID)
	w.awaitGone(t, c.UUID)
	w.wantEmpty(t)
}
