package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra/fake"
)

// completed is a cluster that is complete, in a world with an engine.
func completed(t *testing.T, w *world, e *Engine, workers int) hanok.Cluster {
	t.Helper()
	c := create(t, e, plan("prod", workers))
	return w.awaitStatus(t, c.UUID, hanok.CreateComplete)
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

// addGroup makes a group and gives its nodes.
func (w *world) addGroup(t *testing.T, e *Engine, c hanok.Cluster, name string, nodes int) []hanok.Node {
	t.Helper()
	if _, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan(name, nodes)); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	_, made := w.group(t, c.UUID, name)
	return made
}

func uuidsOf(nodes []hanok.Node) (uuids []string) {
	for _, n := range nodes {
		uuids = append(uuids, n.UUID)
	}
	return uuids
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
