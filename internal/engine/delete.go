package engine

import (
	"context"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

// DeleteCluster begins to delete a cluster. It wins over everything: a
// running operation ends as FAIL, superseded. A cluster that is being deleted
// already is success; one that does not exist is KindNotFound.
func (e *Engine) DeleteCluster(ctx context.Context, clusterUUID string) error {
	var superseded []int64
	err := e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		superseded = nil
		c, err := tx.Cluster(clusterUUID)
		if err != nil {
			return err
		}
		if err := hanok.Allow(hanok.OpDelete, c.Status); err != nil {
			return err
		}
		unfinished, err := tx.UnfinishedEvents(clusterUUID)
		if err != nil {
			return err
		}
		now := e.now()
		for _, event := range unfinished {
			if event.Type == hanok.ClusterDelete {
				superseded = nil
				return nil
			}
			event.Epoch++ // its worker writes nothing more
			event.State, event.Contents, event.UpdatedAt = hanok.EventFail, errSuperseded.Error(), now
			if err := tx.UpdateEvent(event); err != nil {
				return err
			}
			superseded = append(superseded, event.ID)
		}
		if err := setStatus(tx, clusterUUID, hanok.DeleteInProgress, "", now); err != nil {
			return err
		}
		_, err = begin(tx, c, hanok.ClusterDelete, now, e.cfg.Settings.DeleteTimeout)
		return err
	})
	if err != nil {
		return err
	}
	e.stop(superseded, errSuperseded)
	return nil
}

// stop ends operations that this engine is working on; it does not wait.
func (e *Engine) stop(eventIDs []int64, why error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range eventIDs {
		if r := e.running[id]; r != nil {
			r.cancel(why)
		}
	}
}

// deleteSteps unmake a cluster. Nothing is drained: it goes as a whole.
var deleteSteps = []step{
	{name: "halt", title: "stopping what runs", run: (*operation).awaitHalted},
	{name: "machines", title: "deleting machines", after: []string{"halt"}, run: (*operation).deleteAllMachines},
	{name: "network", title: "releasing addresses", after: []string{"machines"}, run: (*operation).releaseAll},
	{name: "finish", title: "finishing", after: []string{"network"}, run: (*operation).finishDelete},
}

// haltPatience bounds the wait for a superseded operation.
const haltPatience = 30 * time.Second

// awaitHalted waits until no superseded operation of this engine acts any
// more, so that none makes what was just deleted.
func (o *operation) awaitHalted(ctx context.Context) error {
	var events []hanok.Event
	err := o.view(ctx, func(tx store.Tx) (err error) {
		events, err = tx.Events(o.event.ClusterUUID)
		return err
	})
	if err != nil {
		return err
	}
	for _, event := range events {
		if event.ID == o.event.ID {
			continue
		}
		if o.event.ResourceType == hanok.ResourceNodeGroup && event.ResourceUUID != o.event.ResourceUUID {
			continue // other groups go on
		}
		o.e.mu.Lock()
		r := o.e.running[event.ID]
		o.e.mu.Unlock()
		if r == nil {
			continue
		}
		r.cancel(errSuperseded) // DeleteCluster did; a repetition does no harm
		select {
		case <-r.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(haltPatience):
			// It hangs in a call that does not listen. What it may still make
			// has its key in the records, and machines are looked for twice.
			o.log.Warn("a superseded operation does not stop; deleting all the same", "superseded", event.UUID)
		}
	}
	return nil
}

// finishDelete removes the record of the cluster; its events stay.
func (o *operation) finishDelete(ctx context.Context) error {
	nodes, err := o.nodes(ctx, "")
	if err != nil {
		return err
	}
	uuid := o.event.ClusterUUID
	err = o.update(ctx, func(tx store.Tx, event *hanok.Event) error {
		event.State, event.Contents, event.Step = hanok.EventSuccess, "", "finish"
		groups, err := tx.NodeGroups(uuid)
		if err != nil {
			return err
		}
		for _, g := range groups {
			if err := unlessNotFound(tx.DeleteDocument(kindGroupSpec, g.UUID)); err != nil {
				return err
			}
		}
		for _, key := range keysOf(nodes) {
			if err := dropDocuments(tx, key); err != nil {
				return err
			}
		}
		if err := unlessNotFound(tx.DeleteDocument(kindClusterSpec, uuid)); err != nil {
			return err
		}
		return tx.DeleteCluster(uuid)
	})
	if err != nil {
		return err
	}
	for _, key := range keysOf(nodes) {
		o.e.cfg.Fleet.Forget(key)
	}
	o.e.closeClient(uuid)
	o.e.removeUnusedBlobs(context.WithoutCancel(ctx))
	return nil
}
