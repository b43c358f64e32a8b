package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// StopNodes begins to stop nodes of a group, named by UUID: their pods move,
// their machines end, their volumes stay. KindInvalid where a node is not of
// the group or does not run, or where no running node would remain.
func (e *Engine) StopNodes(ctx context.Context, clusterUUID, group string, uuids []string) (hanok.NodeGroup, error) {
	return e.nodeAction(ctx, clusterUUID, group, uuids, hanok.OpStopNodes, hanok.NodesStop, func(all, named []hanok.Node) error {
		running := 0
		for _, n := range all {
			if n.Status == hanok.NodeActive {
				running++
			}
		}
		for _, n := range named {
			if n.Status != hanok.NodeActive {
				return hanok.Invalid(nodeListField, "%s (%s) is %s; only running nodes can be stopped", n.UUID, n.Name, n.Status)
			}
		}
		if len(named) >= running {
			return hanok.Invalid(nodeListField, "names every running node of the group (%d); at least one must go on running", running)
		}
		return nil
	})
}

const nodeListField = "node_list"

// nodeAction begins an operation on some nodes of a group.
func (e *Engine) nodeAction(ctx context.Context, clusterUUID, group string, uuids []string, op hanok.GroupOperation, t hanok.EventType,
	check func(all, named []hanok.Node) error,
) (g hanok.NodeGroup, err error) {
	err = e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		var c hanok.Cluster
		if c, g, err = openGroup(tx, clusterUUID, group, op); err != nil {
			return err
		}
		all, err := groupNodes(tx, g)
		if err != nil {
			return err
		}
		named, err := findNodes(nodeListField, all, uuids)
		if err != nil {
			return err
		}
		if err := check(all, named); err != nil {
			return err
		}
		g, err = e.beginGroup(tx, c, g, t, hanok.UpdateInProgress, groupInput{Nodes: keysOf(named)})
		return err
	})
	return g, err
}

// stopSteps stop nodes.
var stopSteps = []step{
	{name: "cordon", title: "cordoning nodes", run: (*operation).cordonLeaving},
	{name: "stop", title: "stopping nodes", after: []string{"cordon"}, run: (*operation).stopGiven},
	dnsStep("stop"),
	{name: "finish", title: "finishing", after: []string{"dns"}, run: (*operation).finishGroup},
}

// stopGiven stops the nodes one after the other. One that cannot be drained
// keeps none of the others from it.
func (o *operation) stopGiven(ctx context.Context) error {
	nodes, err := o.given(ctx)
	if err != nil {
		return err
	}
	var done outcomes
	for _, n := range nodes {
		err := o.stopNode(ctx, "stop", n)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		done.add(n, "stopped", err)
	}
	return done.err()
}

func (o *operation) stopNode(ctx context.Context, step string, n hanok.Node) error {
	if err := o.empty(ctx, step, n); err != nil {
		return err
	}
	o.progress.say(step, "stopping "+n.Name)
	// The record goes first: whoever watches over machines starts those that
	// should run and do not.
	err := o.recordNode(ctx, n.Key, func(n *hanok.Node) { n.Status = hanok.NodeShutoff })
	if err != nil {
		return err
	}
	if err := o.powerOff(ctx, step, n); err != nil {
		return err
	}
	return o.forget(ctx, step, n)
}

// stopAgain is how long a machine may take before it is asked again.
const stopAgain = 30 * time.Second

// powerOff stops a node's machine and waits until it is off.
func (o *operation) powerOff(ctx context.Context, step string, n hanok.Node) error {
	asked := time.Time{}
	for pause := firstLook; ; pause = min(pause*3/2, longestLook) {
		m, err := o.machineOf(ctx, step, n)
		switch {
		case err != nil:
			return err
		case m.Status == infra.MachineShutoff:
			return nil
		case m.Status == infra.MachineDeleted:
			return errors.New("its machine is gone: somebody deleted it; remove the node by a resize")
		case m.Status == infra.MachineError && !asked.IsZero():
			return fmt.Errorf("its machine failed: %s", m.Fault)
		case time.Since(asked) > stopAgain:
			err := driverPatience.retry(ctx, o.sayer(step), func(ctx context.Context) error { return o.e.cfg.Driver.StopMachine(ctx, m.ID) })
			if err != nil {
				return err
			}
			asked = time.Now()
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// outcomes tell node by node how an operation on several went.
type outcomes struct {
	lines  []string
	failed int
}

func (r *outcomes) add(n hanok.Node, done string, err error) {
	if err != nil {
		r.failed++
		done = err.Error()
	}
	r.lines = append(r.lines, fmt.Sprintf("%s (%s): %s", n.Name, n.UUID, done))
}

// err is nil when every node went well; else it tells of all.
func (r *outcomes) err() error {
	if r.failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d nodes failed: %s", r.failed, len(r.lines), strings.Join(r.lines, "; "))
}
