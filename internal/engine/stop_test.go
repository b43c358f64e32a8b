package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra/fake"
)

func stop(t *testing.T, e *Engine, c hanok.Cluster, uuids ...string) error {
	t.Helper()
	_, err := e.StopNodes(t.Context(), c.UUID, hanok.DefaultWorkerGroup, uuids)
	return err
}

func TestStopAndStartNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{Polls: 3, LoseRate: 0.05, Seed: 5})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 3)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	if err := stop(t, e, c, nodes[0].UUID, nodes[1].UUID); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
	g, now := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	if now[0].Status != hanok.NodeShutoff || now[1].Status != hanok.NodeShutoff || now[2].Status != hanok.NodeActive || g.NodeCount != 3 {
		t.Errorf("after the stop: %d, %+v", g.NodeCount, now)
	}
	for name, err := range map[string]error{
		"stop of a stopped one":    stop(t, e, c, nodes[0].UUID),
		"stop of the last running": stop(t, e, c, nodes[2].UUID),
		"start of a running one":   start(t, e, c, nodes[0].UUID, nodes[2].UUID),
	} {
		if hanok.KindOf(err) != hanok.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := start(t, e, c, nodes[1].UUID); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
	// A stopped node is the least harmful to lose.
	if _, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: 2}); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
	if _, left := w.group(t, c.UUID, hanok.DefaultWorkerGroup); !slices.Equal(uuidsOf(left), uuidsOf(nodes[1:])) {
		t.Errorf("%v remain, want those that run", uuidsOf(left))
	}
}

func TestStopAndStartRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 2)
	foreign := w.addGroup(t, e, c, "added", 1)
	_, own := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	before := w.events(t, c.UUID)
	for name, err := range map[string]error{
		"stop of all":       stop(t, e, c, uuidsOf(own)...),
		"stop of a foreign": stop(t, e, c, foreign[0].UUID),
		"start of running":  start(t, e, c, own[0].UUID),
	} {
		if hanok.KindOf(err) != hanok.KindInvalid || !strings.Contains(err.Error(), "node_list") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := w.events(t, c.UUID); !slices.Equal(before, after) {
		t.Errorf("refused requests left events: %v", after)
	}
	w.agree(t, c)
}
