package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/store"
)

// How every node of a group is renewed in place, for each operation that does
// so:
//
//	buffer nodes join, CoreDNS spreads to them
//	  → each node: cordon, drain, stop → renewed → started, Ready
//	  → buffer nodes: cordon, drain, removed
//
// A crash repeats it from the beginning: nodes that are renewed already are
// only waited for, and buffers are made only while a node is left to renew.

// renewal is what an operation does with the nodes of a rolling.
type renewal struct {
	// done tells whether a node is what it is to become.
	done func(in groupInput, n hanok.Node) bool
	// apply changes a node whose machine is off.
	apply func(o *operation, ctx context.Context, in groupInput, n hanok.Node) error
}

// rollingSteps gives the steps of an operation that renews a group's nodes.
func rollingSteps(r renewal) []step {
	buffered := func(run func(*operation, context.Context) error) func(*operation, context.Context) error {
		return func(o *operation, ctx context.Context) error {
			left, err := o.unrenewed(ctx, r)
			if err != nil || left == 0 {
				return err
			}
			return run(o, ctx)
		}
	}
	return []step{
		{name: "reserve", title: "reserving addresses", run: buffered((*operation).reserveAdded)},
		{name: "bundle", title: "checking the Kubernetes bundle", run: (*operation).checkBundle},
		{name: "machines", title: "making buffer nodes", after: []string{"reserve", "bundle"}, run: buffered((*operation).makeAddedMachines)},
		{name: "nodes", title: "buffer nodes", after: []string{"machines"}, run: buffered((*operation).awaitAddedNodes)},
		{name: "spread", title: "spreading the cluster's DNS", after: []string{"nodes"}, run: buffered((*operation).fitDNSToRolling)},
		{name: "roll", title: "renewing nodes", after: []string{"spread"}, run: func(o *operation, ctx context.Context) error { return o.roll(ctx, r) }},
		{name: "buffers", title: "removing buffer nodes", after: []string{"roll"}, run: (*operation).removeBuffers},
		dnsStep("buffers"),
		{name: "finish", title: "finishing", after: []string{"dns"}, run: (*operation).finishGroup},
	}
}

// unrenewed counts the nodes that are still to be renewed.
func (o *operation) unrenewed(ctx context.Context, r renewal) (left int, err error) {
	in, err := readInput(o.event)
	if err != nil {
		return 0, err
	}
	nodes, err := o.named(ctx, in.Nodes)
	for _, n := range nodes {
		if !r.done(in, n) || n.Status != hanok.NodeActive {
			left++
		}
	}
	return left, err
}

// roll renews the nodes, so many at a time as the request allows. The first
// that cannot be renewed ends it.
func (o *operation) roll(ctx context.Context, r renewal) error {
	in, err := readInput(o.event)
	if err != nil {
		return err
	}
	nodes, err := o.named(ctx, in.Nodes)
	if err != nil {
		return err
	}
	var (
		g      errgroup.Group
		failed atomic.Bool
	)
	g.SetLimit(max(1, in.Parallel))
	for _, n := range nodes {
		g.Go(func() error {
			if failed.Load() { // those under way come to their end
				return nil
			}
			if err := o.renew(ctx, r, in, n); err != nil {
				failed.Store(true)
				return fmt.Errorf("%s: %w", n.Name, err)
			}
			return nil
		})
	}
	err = g.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (o *operation) renew(ctx context.Context, r renewal, in groupInput, n hanok.Node) error {
	const step = "roll"
	if !r.done(in, n) {
		if err := o.cordon(ctx, step, []hanok.Node{n}); err != nil {
			return err
		}
		if err := o.stopNode(ctx, step, n); err != nil {
			return err
		}
		o.progress.say(step, "renewing "+n.Name)
		if err := r.apply(o, ctx, in, n); err != nil {
			return err
		}
	}
	o.progress.say(step, "starting "+n.Name)
	return o.startNode(ctx, step, n)
}

// removeBuffers takes the buffer nodes out again, their pods first.
func (o *operation) removeBuffers(ctx context.Context) error {
	const step = "buffers"
	buffers, err := o.added(ctx)
	if err != nil || len(buffers) == 0 {
		return err
	}
	if err := o.cordon(ctx, step, buffers); err != nil {
		return err
	}
	for _, n := range buffers {
		if err := o.empty(ctx, step, n); err != nil {
			return err
		}
		if err := o.remove(ctx, step, n); err != nil {
			return err
		}
	}
	return nil
}

// retreatRoll puts a group in order whose rolling has failed: nodes that are
// off start again as they are, and the buffers go. A buffer that cannot be
// drained stays an ordinary node: no pod is killed for it.
func (o *operation) retreatRoll(ctx context.Context, nodes, buffers []hanok.Node) error {
	errs := []error{o.readmit(ctx, nodes)}
	ready, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	for _, n := range nodes {
		if n.Status != hanok.NodeShutoff {
			continue
		}
		if err := o.startNode(ready, "roll", n); err != nil {
			errs = append(errs, fmt.Errorf("%s could not be started again: %w", n.Name, err))
		}
	}
	if err := o.removeUnready(ctx, buffers); err != nil {
		errs = append(errs, err)
	}
	buffers, err := o.named(ctx, keysOf(buffers))
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, n := range buffers {
		err := o.cordon(ctx, "buffers", []hanok.Node{n})
		if err == nil {
			err = o.empty(ctx, "buffers", n)
		}
		if err == nil {
			err = o.remove(ctx, "buffers", n)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("buffer node %s stays: %w", n.Name, err), o.uncordon(ctx, []hanok.Node{n}))
		}
	}
	return errors.Join(errs...)
}

// beginRolling decides, under the group's lock, which nodes are renewed and
// how many buffers are added.
func (e *Engine) beginRolling(tx store.Tx, c hanok.Cluster, g hanok.NodeGroup, nodes []hanok.Node, r admission.Rolling) (in groupInput, err error) {
	for _, n := range nodes {
		if n.Status == hanok.NodeShutoff {
			return in, hanok.Errorf(hanok.KindConflict, "node %s (%s) is stopped: start it or remove it first", n.Name, n.UUID)
		}
		in.Nodes = append(in.Nodes, n.Key)
	}
	if r.MaxUnavailable > max(1, len(nodes)) {
		return in, hanok.Invalid("num_max_unavailable_nodes", "%d is more than the %d nodes of the group", r.MaxUnavailable, len(nodes))
	}
	in.Parallel = r.MaxUnavailable
	room := max(0, r.Quota-len(nodes))
	buffers := min(1, room)
	if r.Buffers != nil {
		buffers = *r.Buffers
	}
	if buffers > room {
		return in, hanok.Invalid("num_buffer_nodes", "%d is more than the %d that the quota of %d nodes leaves beside the group's %d", buffers, room, r.Quota, len(nodes))
	}
	if buffers == 0 {
		return in, nil
	}
	in.Add, err = e.addNodes(tx, c, g, buffers)
	var invalid *hanok.Error
	if errors.As(err, &invalid) && invalid.Kind == hanok.KindInvalid {
		if r.Buffers == nil {
			return in, nil // the pod network has no room for what nobody asked for
		}
		err = hanok.Invalid("num_buffer_nodes", "%s", invalid.Detail)
	}
	return in, err
}
