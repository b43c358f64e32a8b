package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// ChangeFlavor begins to give every node of a group another flavor: each is
// drained, stopped, resized and started. KindInvalid where the families do not
// go together, KindConflict where a node is stopped. After a failure the same
// request goes on with the nodes that are left.
func (e *Engine) ChangeFlavor(ctx context.Context, clusterUUID, group string, plan *admission.FlavorPlan) (hanok.NodeGroup, error) {
	var g hanok.NodeGroup
	err := e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		var (
			c   hanok.Cluster
			err error
		)
		if c, g, err = openGroup(tx, clusterUUID, group, hanok.OpChangeFlavor); err != nil {
			return err
		}
		nodes, err := groupNodes(tx, g)
		if err != nil {
			return err
		}
		nodes = slices.DeleteFunc(nodes, halfMade) // mend removes them
		spec, err := readSpec[GroupSpec](tx, kindGroupSpec, g.UUID)
		if err != nil {
			return err
		}
		if err := checkFlavor(g, nodes, spec, plan.Flavor); err != nil {
			return err
		}
		spec.changeFlavor(plan.Flavor)
		if err := putSpec(tx, kindGroupSpec, g.UUID, g.ProjectID, spec); err != nil {
			return err
		}
		g.FlavorID = plan.Flavor.ID
		if g.IsDefault { // the cluster shows its default group's
			c.FlavorID = plan.Flavor.ID
		}
		in, err := e.beginRolling(tx, c, g, nodes, plan.Rolling)
		if err != nil {
			return err
		}
		in.Flavor = plan.Flavor.ID
		g, err = e.beginGroup(tx, c, g, hanok.NodeGroupFlavor, hanok.UpdateInProgress, in)
		return err
	})
	return g, err
}

func checkFlavor(g hanok.NodeGroup, nodes []hanok.Node, spec GroupSpec, to infra.Flavor) error {
	const field = "flavor_id"
	changed := func(n hanok.Node) bool { return n.FlavorID == to.ID }
	switch {
	case g.FlavorID == to.ID && !slices.ContainsFunc(nodes, func(n hanok.Node) bool { return !changed(n) }):
		return hanok.Invalid(field, "the nodes of group %s have flavor %s already", g.Name, to.Name)
	case to.MemoryMB < spec.Image.MinRAMMB:
		return hanok.Invalid(field, "flavor %s has %d MB of memory; image %q needs at least %d", to.Name, to.MemoryMB, spec.Image.Name, spec.Image.MinRAMMB)
	}
	return hanok.CheckFlavorChange(field, spec.Flavor.Name, to.Name)
}

// changeFlavor makes a flavor the group's, and remembers the one before: nodes
// may still have it.
func (s *GroupSpec) changeFlavor(to infra.Flavor) {
	if s.Flavor.ID == to.ID {
		return
	}
	former := slices.DeleteFunc(slices.Clone(s.Former), func(f infra.Flavor) bool { return f.ID == to.ID || f.ID == s.Flavor.ID })
	s.Former = append(former, s.Flavor)
	s.Flavor = to
}

// flavorOf gives the flavor that a node of the group has by now.
func (s GroupSpec) flavorOf(n hanok.Node) infra.Flavor {
	for _, f := range s.Former {
		if f.ID == n.FlavorID && f.ID != s.Flavor.ID {
			return f
		}
	}
	return s.Flavor
}

// flavorSteps change the flavor of a group's nodes.
var flavorSteps = rollingSteps(renewal{
	done: func(in groupInput, n hanok.Node) bool { return n.FlavorID == in.Flavor },
	apply: func(o *operation, ctx context.Context, in groupInput, n hanok.Node) error {
		return o.resizeMachine(ctx, in, n)
	},
})

func (o *operation) resizeMachine(ctx context.Context, in groupInput, n hanok.Node) error {
	var spec GroupSpec
	err := o.view(ctx, func(tx store.Tx) (err error) {
		spec, err = readSpec[GroupSpec](tx, kindGroupSpec, n.NodeGroupUUID)
		return err
	})
	if err != nil {
		return err
	}
	err = driverPatience.retry(ctx, o.sayer("roll"), func(ctx context.Context) error {
		err := o.e.cfg.Driver.ResizeMachine(ctx, n.UUID, spec.Flavor)
		if hanok.KindOf(err) == hanok.KindConflict {
			// It runs again: whoever watches over machines was about to start
			// it when this operation took it out.
			return errors.Join(err, o.powerOff(ctx, "roll", n))
		}
		return err
	})
	if err != nil {
		return err
	}
	err = o.recordNode(ctx, n.Key, func(n *hanok.Node) { n.FlavorID = in.Flavor })
	if err == nil {
		o.e.cfg.Fleet.Changed(n.Key)
	}
	return err
}
