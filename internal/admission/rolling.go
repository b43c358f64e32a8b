package admission

import (
	"context"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// Rolling is how the nodes of a group are renewed one after the other.
type Rolling struct {
	// Buffers are nodes that are added for the time of it; nil: one, where
	// there is room for one.
	Buffers *int
	// MaxUnavailable is how many nodes are renewed at a time.
	MaxUnavailable int
	// Quota is the most nodes of a group, buffers among them.
	Quota int
}

// readRolling reads the two fields that flavor changes and upgrades share.
// What depends on the group's nodes the engine checks when it takes the lock.
func readRolling(o object, opts Options) (Rolling, error) {
	r := Rolling{MaxUnavailable: 1, Quota: opts.quota()}
	if o.sent("num_buffer_nodes") {
		n, err := o.bounded("num_buffer_nodes", 0, r.Quota)
		if err != nil {
			return r, err
		}
		r.Buffers = &n
	}
	if o.sent("num_max_unavailable_nodes") {
		var err error
		if r.MaxUnavailable, err = o.bounded("num_max_unavailable_nodes", 1, mostNodes); err != nil {
			return r, err
		}
	}
	return r, nil
}

// FlavorPlan is an admitted request to change the flavor of a group's nodes.
type FlavorPlan struct {
	Flavor  infra.Flavor
	Rolling Rolling
}

// The types of the guides' PATCH of a node group.
const typeFlavor = "flavor_id"

// typesNotBuilt are those whose feature is not built yet.
var typesNotBuilt = []string{"metric_base_autoscale", "fip_auto_bind", "k8s_node_labels"}

// ChangeFlavor checks the guide's PATCH of a node group, an object with a
// type; the one that is built is "flavor_id".
func ChangeFlavor(ctx context.Context, cat infra.Catalogue, caller infra.Token, body []byte, opts Options) (*FlavorPlan, error) {
	o, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	kind, err := o.text("type")
	if err != nil {
		return nil, err
	}
	for _, name := range typesNotBuilt {
		if kind == name {
			return nil, hanok.NotImplemented("type", "%q is not built yet", kind)
		}
	}
	if kind != typeFlavor {
		return nil, hanok.Invalid("type", "%s is not a change of a node group; it is %q", hanok.Quote(kind), typeFlavor)
	}
	if err := o.onlyKnown([]string{"type", "flavor_id", "num_buffer_nodes", "num_max_unavailable_nodes"}); err != nil {
		return nil, err
	}
	id, err := o.uuid("flavor_id")
	if err != nil {
		return nil, err
	}
	plan := &FlavorPlan{}
	if plan.Rolling, err = readRolling(o, opts); err != nil {
		return nil, err
	}
	plan.Flavor, err = cat.Flavor(ctx, caller.ProjectID, id)
	return plan, unknown(err, "flavor_id", "flavor", id)
}
