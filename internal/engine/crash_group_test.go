package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra/fake"
)

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
		w.addGroup(t, e, c, "added", 1)
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
