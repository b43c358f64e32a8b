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

// retreatLimit bounds what is put back after a failure.
const retreatLimit = 2 * time.Minute

// retreat puts a group in order whose operation has failed, before that is
// told: nodes that never came up are removed, nodes that stay after all take
// pods again. A crash within it repeats the operation, and ends the same way.
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
		if len(added) > 0 {
			errs = append(errs, o.removeUnready(ctx, added))
		}
		if len(staying) > 0 && o.event.Type != hanok.NodesStart {
			errs = append(errs, o.readmit(ctx, staying))
		}
	}
	return errors.Join(append(errs, o.fitDNS(ctx))...)
}

// readmit puts nodes back into service that were to leave it. One whose Node
// object is gone already is started anew: kubelet makes it only then.
func (o *operation) readmit(ctx context.Context, nodes []hanok.Node) error {
	_, client, err := o.kube(ctx)
	if err != nil {
		return err
	}
	var errs []error
	if err := o.uncordon(ctx, nodes); err != nil {
		errs = append(errs, fmt.Errorf("nodes may be left unschedulable: %w", err))
	}
	ask, cancel := context.WithTimeout(ctx, 10*time.Second)
	states, err := client.Nodes(ask)
	cancel()
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, n := range nodes {
		there := slices.ContainsFunc(states, func(s kube.NodeState) bool { return s.Name == n.Name })
		if n.Status != hanok.NodeActive || there {
			continue
		}
		if running, err := o.runs(ctx, "readmit", n); err != nil || !running {
			errs = append(errs, err)
			continue
		}
		err := o.recordNode(ctx, n.Key, func(n *hanok.Node) { n.Status = hanok.NodeShutoff })
		if err == nil {
			err = o.powerOff(ctx, "readmit", n)
		}
		if err == nil {
			err = o.startNode(ctx, "readmit", n)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s could not be started anew: %w", n.Name, err))
		}
	}
	return errors.Join(errs...)
}

// removeUnready removes those of the added nodes that Kubernetes does not
// have Ready; the others are a part of the wish that came true.
func (o *operation) removeUnready(ctx context.Context, added []hanok.Node) error {
	ready := map[string]bool{}
	_, client, err := o.kube(ctx)
	if err != nil {
		return err
	}
	ask, cancel := context.WithTimeout(ctx, 10*time.Second)
	states, apiErr := client.Nodes(ask)
	cancel()
	for _, s := range states {
		ready[s.Name] = s.Ready
	}
	g, gctx := errgroup.WithContext(ctx)
	for _, n := range added {
		if apiErr == nil && ready[n.Name] && n.Status == hanok.NodeActive {
			continue
		}
		g.Go(func() error {
			if err := o.unmake(gctx, "machines", n); err != nil {
				return fmt.Errorf("%s is not removed: %w", n.Name, err)
			}
			ask, cancel := context.WithTimeout(gctx, 10*time.Second)
			defer cancel()
			if err := client.DeletePodsOf(ask, n.Name); err == nil {
				_ = client.DeleteNode(ask, n.Name) // best effort: it may never have been one
			}
			return o.dropRecord(gctx, n)
		})
	}
	return g.Wait()
}
