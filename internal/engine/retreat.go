package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/kube"
)

// Limits of what is put back after a failure: for all of it, for an API server
// that is away to be back, and for a node to be Ready that was started anew.
const (
	retreatLimit = 15 * time.Minute
	apiLimit     = 10 * time.Minute
	readyLimit   = 2 * time.Minute
)

// retreat puts a group in order whose operation has failed, before that is
// told: nodes that never came up are removed, nodes that stay after all take
// pods again. It waits for what is away for a while, and the group stays
// locked meanwhile. A crash within it repeats the operation, and ends the same
// way. What it could not do, the next operation on the group begins with.
func (o *operation) retreat(ctx context.Context) error {
	if o.event.ResourceType != hanok.ResourceNodeGroup {
		return nil
	}
	in, err := readInput(o.event)
	if err != nil {
		return err
	}
	limit := retreatLimit
	if o.event.Type == hanok.NodeGroupFlavor {
		limit += o.e.cfg.Settings.DrainTimeout // of the buffer nodes
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	added, err := o.named(ctx, in.Add)
	if err != nil {
		return err
	}
	staying, err := o.named(ctx, in.Nodes)
	if err != nil {
		return err
	}
	var errs []error
	if o.event.Type == hanok.NodeGroupFlavor {
		errs = append(errs, o.retreatRoll(ctx, staying, added))
	} else {
		errs = append(errs, o.removeUnready(ctx, added))
		if o.event.Type == hanok.ClusterResize || o.event.Type == hanok.NodeGroupDelete {
			staying, err = o.endRemovals(ctx, staying)
			errs = append(errs, err)
		}
		if o.event.Type == hanok.NodesStart { // those that run may be on their way
			staying = slices.DeleteFunc(staying, func(n hanok.Node) bool { return n.Status != hanok.NodeShutoff })
		}
		errs = append(errs, o.readmit(ctx, staying))
	}
	return errors.Join(append(errs, o.fitDNS(ctx))...)
}

// halfMade tells of a node that no operation is at whether it never came up,
// or is gone in part.
func halfMade(n hanok.Node) bool {
	return n.Status == hanok.NodeBuild || n.Status == hanok.NodeDeleted
}

// endRemovals brings the removal of those nodes to its end that cannot stay
// any more, and gives the others.
func (o *operation) endRemovals(ctx context.Context, nodes []hanok.Node) (staying []hanok.Node, err error) {
	var errs []error
	for _, n := range nodes {
		if !halfMade(n) {
			staying = append(staying, n)
		} else if err := o.remove(ctx, "retreat", n); err != nil {
			errs = append(errs, fmt.Errorf("%s is not removed: %w", n.Name, err))
		}
	}
	return staying, errors.Join(errs...)
}

// mend begins an operation on a group whose last one failed with what that
// one could not put back. What cannot be put in order now keeps no operation
// from its own: it is tried again when that is done.
func (o *operation) mend(ctx context.Context) {
	in, err := readInput(o.event)
	if err == nil && in.Mend {
		err = o.putInOrder(ctx, in)
	}
	if err != nil {
		o.log.Warn("what an earlier operation left could not be put in order yet", "error", err)
		o.unmended = true
	}
}

// mendAgain is the last try. A group that is not in order shows so.
func (o *operation) mendAgain(ctx context.Context, in groupInput) error {
	if !o.unmended {
		return nil
	}
	if err := o.putInOrder(ctx, in); err != nil {
		return fmt.Errorf("all is done but what an earlier operation left, which could not be put in order: %w", err)
	}
	return nil
}

func (o *operation) putInOrder(ctx context.Context, in groupInput) error {
	nodes, err := o.nodes(ctx, hanok.RoleWorker)
	if err != nil {
		return err
	}
	nodes = slices.DeleteFunc(nodes, func(n hanok.Node) bool {
		return n.NodeGroupUUID != o.event.ResourceUUID || slices.Contains(in.Add, n.Key) || slices.Contains(in.Nodes, n.Key)
	})
	staying, err := o.endRemovals(ctx, nodes)
	return errors.Join(err, o.readmit(ctx, staying))
}

// readmit puts nodes back to what their records say, which were to leave the
// cluster or were touched by an operation that failed: those that run take
// pods again, those that are stopped do not run. One that runs and whose Node
// object is gone is started anew: kubelet makes it only then.
func (o *operation) readmit(ctx context.Context, nodes []hanok.Node) error {
	if len(nodes) == 0 {
		return nil
	}
	_, client, err := o.kube(ctx)
	if err != nil {
		return err
	}
	var states []kube.NodeState
	err = o.insistFor(ctx, apiLimit, "retreat", func(ctx context.Context) (err error) {
		if err := o.uncordon(ctx, nodes); err != nil {
			return err
		}
		states, err = client.Nodes(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("nodes may be left unschedulable: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	var errs []error
	for _, n := range nodes {
		there := slices.ContainsFunc(states, func(s kube.NodeState) bool { return s.Name == n.Name })
		switch {
		case n.Status == hanok.NodeShutoff:
			if err := o.powerOff(ctx, "retreat", n); err != nil {
				errs = append(errs, fmt.Errorf("%s could not be stopped: %w", n.Name, err))
			}
		case n.Status == hanok.NodeActive && !there:
			if err := o.startAnew(ctx, n); err != nil {
				errs = append(errs, fmt.Errorf("%s could not be started anew: %w", n.Name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// startAnew stops and starts a machine that runs, so that its kubelet
// registers again.
func (o *operation) startAnew(ctx context.Context, n hanok.Node) error {
	running, err := o.runs(ctx, "retreat", n)
	if err != nil || !running {
		return err
	}
	err = o.recordNode(ctx, n.Key, func(n *hanok.Node) { n.Status = hanok.NodeShutoff })
	if err == nil {
		err = o.powerOff(ctx, "retreat", n)
	}
	if err == nil {
		n.Status = hanok.NodeShutoff
		err = o.startNode(ctx, "retreat", n)
	}
	return err
}

// removeUnready removes those of the added nodes that Kubernetes does not
// have Ready; the others are a part of the wish that came true.
func (o *operation) removeUnready(ctx context.Context, added []hanok.Node) error {
	if len(added) == 0 {
		return nil
	}
	ready := map[string]bool{}
	_, client, err := o.kube(ctx)
	if err != nil {
		return err
	}
	apiErr := o.insistFor(ctx, apiLimit, "retreat", func(ctx context.Context) error {
		states, err := client.Nodes(ctx)
		for _, s := range states {
			ready[s.Name] = s.Ready
		}
		return err
	})
	var g errgroup.Group // one that cannot be removed keeps none of the others
	for _, n := range added {
		if apiErr == nil && ready[n.Name] && n.Status == hanok.NodeActive {
			continue
		}
		g.Go(func() error {
			err := o.unmake(ctx, "machines", n)
			if err == nil {
				err = apiErr // Kubernetes may know the node: its record stays until it does not
			}
			if err == nil {
				err = o.forget(ctx, "machines", n)
			}
			if err != nil {
				return fmt.Errorf("%s is not removed: %w", n.Name, err)
			}
			return o.dropRecord(ctx, n)
		})
	}
	return g.Wait()
}
