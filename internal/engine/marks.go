package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/store"
)

// What users put on a Node object (labels, taints, a cordon) goes with it when
// the node stops. It is kept before that, and put back when the node starts.

const kindNodeMarks = "node-marks" // by the node's key

// keepMarks remembers what users have put on a node whose Node object is about
// to go. Where that is gone already, or made anew, what was kept before stays.
func (o *operation) keepMarks(ctx context.Context, step string, n hanok.Node) error {
	_, client, err := o.kube(ctx)
	if err != nil {
		return err
	}
	var marks kube.NodeMarks
	err = o.insist(ctx, step, func(ctx context.Context) (err error) {
		marks, err = client.NodeMarks(ctx, n.Name)
		return err
	})
	if err != nil || marks.Empty() {
		return err
	}
	return o.update(ctx, func(tx store.Tx, _ *hanok.Event) error {
		return putSpec(tx, kindNodeMarks, n.Key, n.ProjectID, marks)
	})
}

// marked is how long a node that is Ready may take to get its marks back.
const marked = 10 * time.Second

// putMarksBack begins to put on a starting node what was kept of it: in the
// moment that it is registered, so that no pod comes before its taints. The
// function that it gives is for when the node is Ready, or will never be.
func (o *operation) putMarksBack(ctx context.Context, step string, n hanok.Node) (finish func(ready error) error, err error) {
	nothing := func(ready error) error { return ready }
	var marks kube.NodeMarks
	err = o.view(ctx, func(tx store.Tx) (err error) {
		marks, err = readSpec[kube.NodeMarks](tx, kindNodeMarks, n.Key)
		return unlessNotFound(err)
	})
	if err != nil || marks.Empty() {
		return nothing, err
	}
	_, client, err := o.kube(ctx)
	if err != nil {
		return nothing, err
	}
	marking, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		done <- kubePatience.retry(marking, o.sayer(step), func(ctx context.Context) error { return client.MarkNode(ctx, n.Name, marks) })
	}()
	return func(ready error) error {
		defer cancel()
		if ready != nil {
			cancel()
			<-done
			return ready
		}
		defer time.AfterFunc(marked, cancel).Stop()
		if err := <-done; err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("it runs, but the labels, taints and cordon that it had are not back after %v: put them on by hand: %w", marked, err)
		}
		return o.update(ctx, func(tx store.Tx, _ *hanok.Event) error {
			return unlessNotFound(tx.DeleteDocument(kindNodeMarks, n.Key))
		})
	}, nil
}
