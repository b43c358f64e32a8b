package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra/fake"
)

func start(t *testing.T, e *Engine, c hanok.Cluster, uuids ...string) error {
	t.Helper()
	_, err := e.StartNodes(t.Context(), c.UUID, hanok.DefaultWorkerGroup, uuids)
	return err
}

// TestStartAfterAFailedStop: a stop that got no further than Kubernetes leaves
// a node that a start brings back.
func TestStartAfterAFailedStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 2)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	w.cloud.Inject("StopMachine", slices.Repeat([]fake.Fault{fake.Fail}, driverPatience.attempts)...)
	if err := stop(t, e, c, nodes[1].UUID); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateFailed)
	if got := w.events(t, c.UUID)[0]; !strings.Contains(got, "1 of 1 nodes failed") {
		t.Errorf("the event says %q", got)
	}
	if err := start(t, e, c, nodes[1].UUID); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
}
