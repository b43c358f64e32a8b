package engine

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

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
			g.Go(func() error { return o.deleteMachine(gctx, "machines", id) })
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
func (o *operation) deleteMachine(ctx context.Context, step, id string) error {
	driver, say := o.e.cfg.Driver, o.sayer(step)
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
		g.Go(func() error { return o.releasePort(gctx, "network", n) })
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

// releasePort gives a node's address back, recorded or not.
func (o *operation) releasePort(ctx context.Context, step string, n hanok.Node) error {
	driver := o.e.cfg.Driver
	return deletePatience.retry(ctx, o.sayer(step), func(ctx context.Context) error {
		port, err := driver.PortByKey(ctx, n.Key)
		if err == nil {
			err = driver.DeletePort(ctx, port.ID)
		}
		return unlessNotFound(err)
	})
}

func unlessNotFound(err error) error {
	if hanok.KindOf(err) == hanok.KindNotFound {
		return nil
	}
	return err
}
