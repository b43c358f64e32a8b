package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra/fake"
)

// TestDeleteNodeGroup: the default group may go while others remain, and the
// last may not.
func TestDeleteNodeGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{Polls: 2, LoseRate: 0.05, Seed: 3})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 1)
	for _, name := range []string{"added", "other"} {
		if _, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan(name, 1)); err != nil {
			t.Fatal(err)
		}
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
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

// TestDeleteLastGoodGroup: a group that could not be made is no place for the
// workload of the last one that is in order.
func TestDeleteLastGoodGroup(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		w := newWorldIn(t, memoryDir(t), fake.Options{})
		e, _ := w.start(t, nil)
		c := completed(t, w, e, 1)
		w.cloud.Inject("CreatePort", slices.Repeat([]fake.Fault{fake.Fail}, 10)...)
		if _, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan("broken", 1)); err != nil {
			t.Fatal(err)
		}
		w.awaitStatus(t, c.UUID, hanok.UpdateFailed)
		if g, _ := w.group(t, c.UUID, "broken"); g.Status != hanok.CreateFailed {
			t.Fatalf("the broken group is %s", g.Status)
		}
		if err := e.DeleteNodeGroup(t.Context(), c.UUID, hanok.DefaultWorkerGroup); hanok.KindOf(err) != hanok.KindInvalid {
			t.Errorf("deleting the last group that is in order: %v", err)
		}
		if err := e.DeleteNodeGroup(t.Context(), c.UUID, "broken"); err != nil {
			t.Error(err)
		}
		w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
		w.agree(t, c)
	})
}
