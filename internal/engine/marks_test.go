package engine

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/store"
)

func (k *kubernetes) NodeMarks(ctx context.Context, name string) (m kube.NodeMarks, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if o := k.objects[name]; o != nil {
		m = o.marks
	}
	return m, k.Ready(ctx)
}

func (k *kubernetes) MarkNode(ctx context.Context, name string, m kube.NodeMarks) error {
	for {
		k.mu.Lock()
		k.register()
		o := k.objects[name]
		if o != nil {
			o.marks = m
		}
		k.mu.Unlock()
		if o != nil {
			return k.Ready(ctx)
		}
		if err := sleep(ctx, readyPause); err != nil {
			return errors.Join(err, k.Ready(ctx))
		}
	}
}

// mark puts a user's labels and taints on a node.
func (w *world) mark(node string, m kube.NodeMarks) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.objects[node].marks = m
}

// wantMarks fails the test unless a node is there with just these marks.
func (w *world) wantMarks(t *testing.T, node string, want kube.NodeMarks) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if o := w.objects[node]; o == nil || !reflect.DeepEqual(o.marks, want) {
		t.Errorf("node %s is %+v, want the marks %+v", node, o, want)
	}
}

// keptMarks counts the nodes that something is kept of.
func (w *world) keptMarks(t *testing.T) (count int) {
	t.Helper()
	err := w.store.View(t.Context(), func(tx store.Tx) error {
		docs, err := tx.Documents(kindNodeMarks, "")
		count = len(docs)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// TestMarksOfUsersStay: labels, taints and cordons outlive the Node object,
// and nothing is kept longer than it takes.
func TestMarksOfUsersStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{Polls: 2})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 3)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	marks := kube.NodeMarks{Labels: map[string]string{"team": "blue"}, Taints: []any{map[string]any{"key": "gpu", "effect": "NoSchedule"}}, Cordoned: true}
	w.mark(nodes[0].Name, marks)
	await := func(status hanok.Status, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		c = w.awaitStatus(t, c.UUID, status)
		w.agree(t, c)
	}
	await(hanok.UpdateComplete, stop(t, e, c, nodes[0].UUID))
	if kept := w.keptMarks(t); kept != 1 {
		t.Errorf("something is kept of %d nodes, want 1", kept)
	}
	await(hanok.UpdateComplete, start(t, e, c, nodes[0].UUID))
	w.wantMarks(t, nodes[0].Name, marks)

	_, err := e.ChangeFlavor(t.Context(), c.UUID, hanok.DefaultWorkerGroup, flavorPlan(larger, 1, 2))
	await(hanok.UpdateComplete, err)
	w.wantMarks(t, nodes[0].Name, marks)
	w.wantMarks(t, nodes[1].Name, kube.NodeMarks{})
	if kept := w.keptMarks(t); kept != 0 {
		t.Errorf("something is kept of %d nodes that run", kept)
	}

	// What is kept of a stopped node goes with it, alone or with its cluster.
	w.mark(nodes[1].Name, marks)
	await(hanok.UpdateComplete, stop(t, e, c, nodes[0].UUID, nodes[1].UUID))
	if kept := w.keptMarks(t); kept != 2 {
		t.Errorf("something is kept of %d nodes, want 2", kept)
	}
	_, err = e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: 2, Remove: []string{nodes[0].UUID}})
	await(hanok.UpdateComplete, err)
	if kept := w.keptMarks(t); kept != 1 {
		t.Errorf("something is kept of %d nodes, want 1", kept)
	}
	if err := e.DeleteCluster(t.Context(), c.UUID); err != nil {
		t.Fatal(err)
	}
	w.awaitGone(t, c.UUID)
	if kept := w.keptMarks(t); kept != 0 {
		t.Errorf("something is kept of %d nodes that are gone", kept)
	}
}
