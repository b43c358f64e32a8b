package engine

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
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

// deleteAllMachines deletes every machine of the cluster, those that are
// recorded and those that only the driver knows.
func (o *operation) deleteAllMachines(ctx context.Context) error {
	for {
		ids, err := o.machineIDs(ctx)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return nil
		}
		o.progress.say("machines", fmt.Sprintf("%d to go", len(ids)))
		g, gctx := errgroup.WithContext(ctx)
		for id := range ids {
			g.Go(func() error { return o.deleteMachine(gctx, id) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
}

// machineIDs gives the cluster's machines that still exist.
func (o *operation) machineIDs(ctx context.Context) (ids map[string]bool, err error) {
	nodes, err := o.nodes(ctx, "")
	if err != nil {
		return nil, err
	}
	say := o.sayer("machines")
	var machines []infra.Machine
	err = deletePatience.retry(ctx, say, func(ctx context.Context) (err error) {
		machines, err = o.e.cfg.Driver.Machines(ctx, o.event.ClusterUUID)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		err := deletePatience.retry(ctx, say, func(ctx context.Context) error {
			m, err := o.e.cfg.Driver.MachineByKey(ctx, n.Key)
			if err == nil {
				machines = append(machines, m)
			}
			return unlessNotFound(err)
		})
		if err != nil {
			return nil, err
		}
	}
	ids = map[string]bool{}
	for _, m := range machines {
		if m.Status != infra.MachineDeleted {
			ids[m.ID] = true
		}
	}
	return ids, nil
}

// deleteMachine deletes a machine and waits until it is gone.
func (o *operation) deleteMachine(ctx context.Context, id string) error {
	driver, say := o.e.cfg.Driver, o.sayer("machines")
	err := deletePatience.retry(ctx, say, func(ctx context.Context) error { return driver.DeleteMachine(ctx, id) })
	if err != nil {
		return err
	}
	for pause, since := firstLook, time.Now(); ; pause = min(pause*3/2, longestLook) {
		var m infra.Machine
		gone := false
		err := deletePatience.retry(ctx, say, func(ctx context.Context) (err error) {
			m, err = driver.Machine(ctx, id)
			if hanok.KindOf(err) == hanok.KindNotFound {
				gone, err = true, nil
			}
			return err
		})
		if err != nil {
			return err
		}
		if gone || m.Status == infra.MachineDeleted {
			return nil
		}
		if m.Status == infra.MachineError || time.Since(since) > 30*time.Second {
			// Deleting may be asked for more than once; perhaps it got stuck.
			say(joinNonEmpty("machine "+m.Name+" is not gone yet", m.Fault))
			if err := deletePatience.retry(ctx, say, func(ctx context.Context) error { return driver.DeleteMachine(ctx, id) }); err != nil {
				return err
			}
			since = time.Now()
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// releaseAll gives back the ports and the endpoint, recorded or not.
func (o *operation) releaseAll(ctx context.Context) error {
	nodes, err := o.nodes(ctx, "")
	if err != nil {
		return err
	}
	driver, say := o.e.cfg.Driver, o.sayer("network")
	g, gctx := errgroup.WithContext(ctx)
	for _, n := range nodes {
		g.Go(func() error {
			return deletePatience.retry(gctx, say, func(ctx context.Context) error {
				port, err := driver.PortByKey(ctx, n.Key)
				if err == nil {
					err = driver.DeletePort(ctx, port.ID)
				}
				return unlessNotFound(err)
			})
		})
	}
	g.Go(func() error {
		return deletePatience.retry(gctx, say, func(ctx context.Context) error {
			endpoint, err := driver.EndpointByKey(ctx, endpointKey(o.event.ClusterUUID))
			if err == nil {
				err = driver.DeleteEndpoint(ctx, endpoint.ID)
			}
			return unlessNotFound(err)
		})
	})
	return g.Wait()
}

func unlessNotFound(err error) error {
	if hanok.KindOf(err) == hanok.KindNotFound {
		return nil
	}
	return err
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
