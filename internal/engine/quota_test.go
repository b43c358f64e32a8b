package engine

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
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
	w.setQuota(t, p.Cluster.ProjectID, quota.Cluster, 2)
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
	w.setQuota(t, c.ProjectID, quota.NodeGroup, 1)
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

// setQuota sets a quota; 0 leaves it as it is.
func (w *world) setQuota(t *testing.T, project string, r quota.Resource, limit int) {
	t.Helper()
	if limit == 0 {
		return
	}
	err := w.store.Update(t.Context(), func(tx store.Tx) error {
		_, err := quota.Set(tx, project, r, limit, time.Now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLoweredQuota: a group with more nodes than a quota that was lowered may
// become smaller, stay as it is and change its flavor, and not grow.
func TestLoweredQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 4)
	w.setQuota(t, c.ProjectID, quota.Node, 2)
	resize := func(count int) error {
		_, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: count})
		return err
	}
	before := w.events(t, c.UUID)
	if err := resize(5); hanok.KindOf(err) != hanok.KindForbidden || !strings.Contains(err.Error(), "quota of 2") {
		t.Errorf("a group that grows: %v", err)
	}
	if after := w.events(t, c.UUID); len(after) != len(before) {
		t.Errorf("events %v", after)
	}
	for _, count := range []int{4, 3} {
		if err := resize(count); err != nil {
			t.Fatalf("resize to %d: %v", count, err)
		}
		w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	}
	change := &admission.FlavorPlan{Flavor: larger, Rolling: admission.Rolling{MaxUnavailable: 3, Quota: 2}}
	if _, err := e.ChangeFlavor(t.Context(), c.UUID, hanok.DefaultWorkerGroup, change); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
	if g, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup); g.NodeCount != 3 || len(nodes) != 3 {
		t.Errorf("the group has %d of %d nodes", len(nodes), g.NodeCount)
	}
}
