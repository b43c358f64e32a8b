package engine

import (
	"sync"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/quota"
	"github.com/hanok/hanok/internal/store"
)

// TestClusterQuota asks for more clusters at once than the quota has room for.
func TestClusterQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	p := plan("prod", 1)
	err := w.store.Update(t.Context(), func(tx store.Tx) error {
		_, err := quota.Set(tx, p.Cluster.ProjectID, quota.Cluster, 2, time.Now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	made, refused := make(chan hanok.Cluster, 5), make(chan error, 5)
	for range 5 {
		group.Go(func() {
			if c, err := e.CreateCluster(t.Context(), p); err == nil {
				made <- c
			} else {
				refused <- err
			}
		})
	}
	group.Wait()
	if len(made) != 2 || len(refused) != 3 {
		t.Fatalf("%d made, %d refused; want 2 and 3", len(made), len(refused))
	}
	close(refused)
	for err := range refused {
		if hanok.KindOf(err) != hanok.KindForbidden {
			t.Errorf("refused with %v", err)
		}
	}
	c := <-made
	w.awaitStatus(t, c.UUID, hanok.CreateComplete)
	remove(t, e, c.UUID)
	w.awaitGone(t, c.UUID)
	w.awaitStatus(t, create(t, e, p).UUID, hanok.CreateComplete)
}

// TestNodeGroupQuota: a group too many is refused and leaves no trace.
func TestNodeGroupQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	c := create(t, e, plan("prod", 1))
	w.awaitStatus(t, c.UUID, hanok.CreateComplete)
	err := w.store.Update(t.Context(), func(tx store.Tx) error {
		_, err := quota.Set(tx, c.ProjectID, quota.NodeGroup, 1, time.Now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	before := w.events(t, c.UUID)
	if _, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan("second", 1)); hanok.KindOf(err) != hanok.KindForbidden {
		t.Errorf("a second group: %v", err)
	}
	if after := w.events(t, c.UUID); len(after) != len(before) {
		t.Errorf("events %v", after)
	}
	if groups, workers := w.state(t, c.UUID); len(groups) != 1 || len(workers) != 1 || groups[0].Status != hanok.CreateComplete {
		t.Errorf("groups %+v, %d workers", groups, len(workers))
	}
}
