package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/kube"
)

// StartNodes begins to start stopped nodes of a group, named by UUID.
// KindInvalid where a node is not of the group or is not stopped.
func (e *Engine) StartNodes(ctx context.Context, clusterUUID, group string, uuids []string) (hanok.NodeGroup, error) {
	return e.nodeAction(ctx, clusterUUID, group, uuids, hanok.OpStartNodes, hanok.NodesStart, func(_, named []hanok.Node) error {
		for _, n := range named {
			if n.Status != hanok.NodeShutoff {
				return hanok.Invalid(nodeListField, "%s (%s) is %s; only stopped nodes can be started", n.UUID, n.Name, n.Status)
			}
		}
		return nil
	})
}

// startSteps start nodes.
var startSteps = []step{
	{name: "start", title: "starting nodes", run: (*operation).startGiven},
	dnsStep("start"),
	{name: "finish", title: "finishing", after: []string{"dns"}, run: (*operation).finishGroup},
}

// startGiven starts the nodes, all at once.
func (o *operation) startGiven(ctx context.Context) error {
	nodes, err := o.given(ctx)
	if err != nil {
		return err
	}
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() { errs[i] = o.startNode(ctx, "start", n) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var done outcomes
	for i, n := range nodes {
		done.add(n, "started", errs[i])
	}
	return done.err()
}

// startNode boots a node's machine and waits until Kubernetes has it Ready.
func (o *operation) startNode(ctx context.Context, step string, n hanok.Node) error {
	m, err := o.machineOf(ctx, step, n)
	if err != nil {
		return err
	}
	if m.Status == infra.MachineDeleted {
		return fmt.Errorf("its machine is gone: somebody deleted it; remove the node by a resize")
	}
	if m.Status == infra.MachineActive && n.Status == hanok.NodeShutoff && !o.registered(ctx, n) {
		// An earlier stop took its Node object and not its power: kubelet
		// registers when it starts, and only then.
		if err := o.powerOff(ctx, step, n); err != nil {
			return err
		}
		m.Status = infra.MachineShutoff
	}
	finish, err := o.putMarksBack(ctx, step, n)
	if err != nil {
		return err
	}
	return finish(o.boot(ctx, step, n, m))
}

// boot starts a node's machine, unless it runs, and waits until Kubernetes has
// the node Ready.
func (o *operation) boot(ctx context.Context, step string, n hanok.Node, m infra.Machine) error {
	if m.Status != infra.MachineActive {
		err := driverPatience.retry(ctx, o.sayer(step), func(ctx context.Context) error { return o.e.cfg.Driver.StartMachine(ctx, m.ID) })
		if err != nil {
			return err
		}
		if err := o.awaitActive(ctx, n); err != nil {
			return err
		}
	}
	if err := o.recordNode(ctx, n.Key, func(n *hanok.Node) { n.Status = hanok.NodeActive }); err != nil {
		return err
	}
	return o.awaitReady(ctx, step, []hanok.Node{n})
}

// registered tells whether Kubernetes has a node; where it cannot be asked, yes.
func (o *operation) registered(ctx context.Context, n hanok.Node) bool {
	_, client, err := o.kube(ctx)
	if err != nil {
		return true
	}
	ask, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	states, err := client.Nodes(ask)
	return err != nil || slices.ContainsFunc(states, func(s kube.NodeState) bool { return s.Name == n.Name })
}
