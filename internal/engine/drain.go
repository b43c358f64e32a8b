package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// How a node leaves its cluster, for every operation that takes one out:
//
//	cordon → drain → the Node object goes → its machine is removed or stopped
//	       → what Kubernetes still knows of it goes
//
// Each action looks first, so the whole may run again after a crash. A node
// that cannot be drained stays as it is; uncordon puts it back into service.

// kubePatience is for calls of a cluster's API, whose server may be away for
// a moment; the drain's limit bounds it.
var kubePatience = patience{first: 50 * time.Millisecond, longest: time.Second}

// cordon keeps new pods off nodes that are going to leave, so that what one
// of them loses does not move to the next.
func (o *operation) cordon(ctx context.Context, step string, nodes []hanok.Node) error {
	_, client, err := o.kube(ctx)
	if err != nil {
		return err
	}
	return o.insist(ctx, step, func(ctx context.Context) error {
		if err := o.arrived(ctx, client, nodes); err != nil {
			return err
		}
		g, gctx := errgroup.WithContext(ctx)
		for _, n := range nodes {
			if n.Status == hanok.NodeActive {
				g.Go(func() error { return client.Cordon(gctx, n.Name) })
			}
		}
		return g.Wait()
	})
}

// uncordon puts nodes that stay after all back into service.
func (o *operation) uncordon(ctx context.Context, nodes []hanok.Node) error {
	_, client, err := o.kube(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range nodes {
		if n.Status == hanok.NodeActive {
			errs = append(errs, client.Uncordon(ctx, n.Name))
		}
	}
	return errors.Join(errs...)
}

// empty drains a cordoned node and removes its Node object. A node whose
// machine does not run has nothing to drain: nobody would end its pods.
func (o *operation) empty(ctx context.Context, step string, n hanok.Node) error {
	_, client, err := o.kube(ctx)
	if err != nil {
		return err
	}
	if n.Status == hanok.NodeActive {
		running, err := o.runs(ctx, step, n)
		if err != nil {
			return err
		}
		if running {
			o.progress.say(step, "draining "+n.Name)
			limit, cancel := context.WithTimeout(ctx, o.e.cfg.Settings.DrainTimeout)
			err := client.Drain(limit, n.Name, func(what string) {
				o.progress.say(step, fmt.Sprintf("draining %s: %s", n.Name, what))
			})
			cancel()
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				return fmt.Errorf("%w (after %v)", err, o.e.cfg.Settings.DrainTimeout)
			}
		}
	}
	if err := o.keepMarks(ctx, step, n); err != nil {
		return err
	}
	return o.insist(ctx, step, func(ctx context.Context) error { return client.DeleteNode(ctx, n.Name) })
}

// runs tells whether a node's machine is there and running.
func (o *operation) runs(ctx context.Context, step string, n hanok.Node) (bool, error) {
	m, err := o.machineOf(ctx, step, n)
	return err == nil && m.Status == infra.MachineActive, err
}

// machineOf gives a node's machine; MachineDeleted where there is none.
func (o *operation) machineOf(ctx context.Context, step string, n hanok.Node) (m infra.Machine, err error) {
	err = deletePatience.retry(ctx, o.sayer(step), func(ctx context.Context) error {
		m, err = o.e.cfg.Driver.MachineByKey(ctx, n.Key)
		if hanok.KindOf(err) == hanok.KindNotFound {
			m, err = infra.Machine{Status: infra.MachineDeleted}, nil
		}
		return err
	})
	return m, err
}

// forget removes what Kubernetes still knows of a node whose machine is gone
// or off: its pods, and its Node object, which may have been registered again.
func (o *operation) forget(ctx context.Context, step string, n hanok.Node) error {
	_, client, err := o.kube(ctx)
	if err != nil {
		return err
	}
	return o.insist(ctx, step, func(ctx context.Context) error {
		if err := client.DeletePodsOf(ctx, n.Name); err != nil {
			return err
		}
		return client.DeleteNode(ctx, n.Name)
	})
}

// remove takes a node out for good: its machine, volumes, address and record.
// The record goes last: its name and pod CIDR are free when nothing has them.
func (o *operation) remove(ctx context.Context, step string, n hanok.Node) error {
	o.progress.say(step, "removing "+n.Name)
	if err := o.unmake(ctx, step, n); err != nil {
		return err
	}
	if err := o.forget(ctx, step, n); err != nil {
		return err
	}
	return o.dropRecord(ctx, n)
}

// unmake deletes a node's machine and gives its address back.
func (o *operation) unmake(ctx context.Context, step string, n hanok.Node) error {
	// The record goes first: whoever finds it knows that the node is no more,
	// however little of it is left.
	err := o.recordNode(ctx, n.Key, func(n *hanok.Node) { n.Status = hanok.NodeDeleted })
	if err != nil {
		return err
	}
	m, err := o.machineOf(ctx, step, n)
	if err != nil {
		return err
	}
	if m.ID != "" && m.Status != infra.MachineDeleted {
		if err := o.deleteMachine(ctx, step, m.ID); err != nil {
			return err
		}
	}
	return o.releasePort(ctx, step, n)
}

// dropRecord forgets a node that is gone, and shuts its agent out.
func (o *operation) dropRecord(ctx context.Context, n hanok.Node) error {
	err := o.update(ctx, func(tx store.Tx, _ *hanok.Event) error {
		if err := o.e.cfg.Fleet.Revoke(tx, n.Key, n.ClusterUUID); err != nil {
			return err
		}
		if err := dropDocuments(tx, n.Key); err != nil {
			return err
		}
		return unlessNotFound(tx.DeleteNode(n.Key))
	})
	if err == nil {
		o.e.cfg.Fleet.Forget(n.Key)
	}
	return err
}

// dropDocuments forgets what is kept of a node beside its record.
func dropDocuments(tx store.Tx, nodeKey string) error {
	for _, kind := range []string{kindNodeMarks, kindRegistration} {
		if err := unlessNotFound(tx.DeleteDocument(kind, nodeKey)); err != nil {
			return err
		}
	}
	return nil
}

// insist repeats a call of the cluster's API until the drain's limit.
func (o *operation) insist(ctx context.Context, step string, fn func(ctx context.Context) error) error {
	return o.insistFor(ctx, o.e.cfg.Settings.DrainTimeout, step, fn)
}

func (o *operation) insistFor(ctx context.Context, within time.Duration, step string, fn func(ctx context.Context) error) error {
	limit, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var last error
	err := kubePatience.retry(limit, o.sayer(step), func(ctx context.Context) error {
		ask, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if err := fn(ask); err != nil {
			if ctx.Err() == nil {
				last = err
			}
			return err
		}
		return nil
	})
	if err != nil && ctx.Err() == nil && last != nil {
		return last
	}
	return err
}
