package engine

import (
	"context"
	"errors"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/store"
)

// storeError is a failure of the store itself: the operation goes on later.
type storeError struct{ err error }

func (e *storeError) Error() string { return "the store failed: " + e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// update writes as this operation: all of it in one transaction with its
// event, or errFenced when the event is not this worker's any more.
func (o *operation) update(ctx context.Context, fn func(tx store.Tx, event *hanok.Event) error) error {
	var mine error // fn's own error, which is no failure of the store
	err := o.e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		mine = nil
		event, err := tx.EventByID(o.event.ID)
		if err != nil {
			return err
		}
		if event.Epoch != o.event.Epoch || event.State != hanok.EventInProgress {
			mine = errFenced
			return mine
		}
		if err := fn(tx, &event); err != nil {
			mine = err
			return err
		}
		event.UpdatedAt = o.e.now()
		return tx.UpdateEvent(event)
	})
	switch {
	case err == nil, mine != nil && errors.Is(err, mine):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return &storeError{err}
}

// view reads as this operation.
func (o *operation) view(ctx context.Context, fn func(tx store.Tx) error) error {
	err := o.e.cfg.Store.View(ctx, fn)
	if err != nil && ctx.Err() == nil && hanok.KindOf(err) == hanok.KindInternal {
		return &storeError{err}
	}
	return err
}

// What the steps read: always the store's present, never a copy of an
// earlier step's, so that a step after a crash sees what one before it did.

func (o *operation) cluster(ctx context.Context) (c hanok.Cluster, err error) {
	err = o.view(ctx, func(tx store.Tx) (err error) {
		c, err = tx.Cluster(o.event.ClusterUUID)
		return err
	})
	return c, err
}

func (o *operation) clusterSpec(ctx context.Context) (c hanok.Cluster, spec ClusterSpec, err error) {
	err = o.view(ctx, func(tx store.Tx) (err error) {
		if c, err = tx.Cluster(o.event.ClusterUUID); err != nil {
			return err
		}
		spec, err = readSpec[ClusterSpec](tx, kindClusterSpec, c.UUID)
		return err
	})
	return c, spec, err
}

// nodes gives the cluster's nodes of a role; "" all.
func (o *operation) nodes(ctx context.Context, role string) (nodes []hanok.Node, err error) {
	err = o.view(ctx, func(tx store.Tx) error {
		all, err := tx.Nodes(o.event.ClusterUUID)
		for _, n := range all {
			if role == "" || n.Role == role {
				nodes = append(nodes, n)
			}
		}
		return err
	})
	return nodes, err
}

// kube gives the cluster's facts and a client of its API.
func (o *operation) kube(ctx context.Context) (kube.Facts, KubeClient, error) {
	facts, err := o.e.desired.Facts(ctx, o.event.ClusterUUID)
	if err != nil {
		return facts, nil, err
	}
	client, err := o.e.client(ctx, o.event.ClusterUUID)
	return facts, client, err
}

// sayer gives what a step tells its progress by.
func (o *operation) sayer(step string) func(string) {
	return func(detail string) { o.progress.say(step, detail) }
}

func keysOf(nodes []hanok.Node) []string {
	keys := make([]string, len(nodes))
	for i, n := range nodes {
		keys[i] = n.Key
	}
	return keys
}
