package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/quota"
	"github.com/hanok/hanok/internal/store"
)

// Resize begins to bring a node group to a number of nodes. When it returns,
// the group and its cluster are UPDATE_IN_PROGRESS. KindConflict while the
// group is at work.
func (e *Engine) Resize(ctx context.Context, clusterUUID string, plan *admission.ResizePlan) (hanok.NodeGroup, error) {
	var g hanok.NodeGroup
	err := e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		name, err := groupOrDefault(tx, clusterUUID, plan.Group)
		if err != nil {
			return err
		}
		var c hanok.Cluster
		if c, g, err = openGroup(tx, clusterUUID, name, hanok.OpResize); err != nil {
			return err
		}
		nodes, err := groupNodes(tx, g)
		if err != nil {
			return err
		}
		// What a failed operation could not remove, this one does (mend): it
		// was never a node, and the request is not about it.
		nodes = slices.DeleteFunc(nodes, halfMade)
		var in groupInput
		if more := plan.NodeCount - len(nodes); more > 0 {
			if err := quota.CheckNodes(tx, c.ProjectID, "node_count", plan.NodeCount); err != nil {
				return err
			}
			if len(plan.Remove) > 0 {
				return hanok.Invalid("nodes_to_remove", "names nodes to remove, but node_count %d is more than the %d that there are", plan.NodeCount, len(nodes))
			}
			in.Add, err = e.addNodes(tx, c, g, more)
		} else {
			in, err = leaving(c, nodes, -more, plan.Remove)
		}
		if err != nil {
			return err
		}
		g.NodeCount = plan.NodeCount
		g, err = e.beginGroup(tx, c, g, hanok.ClusterResize, hanok.UpdateInProgress, in)
		return err
	})
	return g, err
}

// groupOrDefault gives the name of the group that a request means: without
// one the default worker group.
func groupOrDefault(tx store.Tx, clusterUUID, group string) (string, error) {
	if group != "" {
		return strings.ToLower(group), nil
	}
	groups, err := tx.NodeGroups(clusterUUID)
	if err != nil {
		return "", err
	}
	for _, g := range groups {
		if g.IsDefault && g.Role == hanok.RoleWorker {
			return g.UUID, nil
		}
	}
	return "", hanok.Invalid("nodegroup", "is missing, and the cluster has no default worker group any more: name the group")
}

// addNodes records new nodes of a group: the lowest free names and pod CIDRs.
func (e *Engine) addNodes(tx store.Tx, c hanok.Cluster, g hanok.NodeGroup, count int) (keys []string, err error) {
	all, err := tx.Nodes(c.UUID)
	if err != nil {
		return nil, err
	}
	groups, err := tx.NodeGroups(c.UUID)
	if err != nil {
		return nil, err
	}
	wanted := count
	for _, other := range groups {
		if other.Role == hanok.RoleWorker {
			wanted += other.NodeCount
		}
	}
	if most := hanok.MaxNodes(c.PodCIDR(), c.PodSubnetSize()); wanted > most {
		return nil, hanok.Invalid("node_count", "the cluster would have %d nodes; its pod network %s with pod subnets of /%d has room for %d",
			wanted, c.PodCIDR(), c.PodSubnetSize(), most)
	}
	names, cidrs := map[string]bool{}, map[string]bool{}
	for _, n := range all {
		names[n.Name], cidrs[n.PodCIDR] = true, true
	}
	nameAt, cidrAt, now := 0, 0, e.now()
	for range count {
		n := newWorker(c, g, now)
		for n.Name = workerName(c, g, nameAt); names[n.Name]; n.Name = workerName(c, g, nameAt) {
			nameAt++
		}
		cidr := func() string { return hanok.PodSubnet(c.PodCIDR(), c.PodSubnetSize(), cidrAt).String() }
		for n.PodCIDR = cidr(); cidrs[n.PodCIDR]; n.PodCIDR = cidr() {
			cidrAt++
		}
		if cidrAt >= 1<<(c.PodSubnetSize()-c.PodCIDR().Bits()) {
			return nil, hanok.Errorf(hanok.KindConflict, "every pod subnet of %s is in use until leaving nodes are gone: try again in a moment", c.PodCIDR())
		}
		names[n.Name], cidrs[n.PodCIDR] = true, true
		if err := tx.PutNode(n); err != nil {
			return nil, err
		}
		keys = append(keys, n.Key)
	}
	return keys, nil
}

// leaving decides which nodes go: those that the request names, or else the
// ones whose loss harms least.
func leaving(c hanok.Cluster, nodes []hanok.Node, count int, named []string) (groupInput, error) {
	if len(named) == 0 {
		return chosen(c, nodes, count), nil
	}
	if len(named) != count {
		return groupInput{}, hanok.Invalid("nodes_to_remove", "names %d nodes, but from %d nodes to node_count %d are %d", len(named), len(nodes), len(nodes)-count, count)
	}
	var in groupInput
	found, err := findNodes("nodes_to_remove", nodes, named)
	for _, n := range found {
		in.Nodes = append(in.Nodes, n.Key)
	}
	if err == nil && !someRun(nodes, in.Nodes) && someRun(nodes, nil) {
		err = hanok.Invalid("nodes_to_remove", "names every running node of the group; at least one must go on running: start another first, or remove stopped ones")
	}
	return in, err
}

// someRun tells whether a node besides those left out is to run.
func someRun(nodes []hanok.Node, without []string) bool {
	return slices.ContainsFunc(nodes, func(n hanok.Node) bool {
		return n.Status == hanok.NodeActive && !slices.Contains(without, n.Key)
	})
}

// findNodes gives the nodes of a group by UUID, in the order of the request.
func findNodes(field string, nodes []hanok.Node, uuids []string) (found []hanok.Node, err error) {
	for _, uuid := range uuids {
		i := slices.IndexFunc(nodes, func(n hanok.Node) bool { return n.UUID != "" && strings.EqualFold(n.UUID, uuid) })
		if i < 0 {
			return nil, hanok.Invalid(field, "%s is not a node of this group", hanok.Quote(uuid))
		}
		found = append(found, nodes[i])
	}
	return found, nil
}

// chosen picks the nodes whose loss harms least: first those that do not
// serve, then the youngest. The event says which they were.
func chosen(c hanok.Cluster, nodes []hanok.Node, count int) groupInput {
	if count == 0 {
		return groupInput{}
	}
	order := slices.Clone(nodes)
	slices.Reverse(order) // youngest first, also where times are equal
	slices.SortStableFunc(order, func(a, b hanok.Node) int {
		return cmp.Or(cmp.Compare(harm(c, a), harm(c, b)), b.CreatedAt.Compare(a.CreatedAt))
	})
	var in groupInput
	var names []string
	for _, n := range order[:count] {
		in.Nodes = append(in.Nodes, n.Key)
		names = append(names, fmt.Sprintf("%s (%s)", n.Name, n.UUID))
	}
	in.Note = "nodes_to_remove was not given; removed, as those not Ready and then the youngest: " + strings.Join(names, ", ")
	return in
}

// harm ranks what the loss of a node takes from the cluster, by what was last
// seen of it.
func harm(c hanok.Cluster, n hanok.Node) int {
	switch {
	case n.Status == hanok.NodeError:
		return 0
	case n.Status == hanok.NodeShutoff:
		return 1
	case c.HealthReason[n.Name+".Ready"] == "False" || c.HealthReason[n.Name+".Ready"] == "Unknown":
		return 2
	}
	return 3
}

// growSteps bring nodes into a cluster that runs.
var growSteps = []step{
	{name: "reserve", title: "reserving addresses", run: (*operation).reserveAdded},
	{name: "bundle", title: "checking the Kubernetes bundle", run: (*operation).checkBundle},
	{name: "machines", title: "making machines", after: []string{"reserve", "bundle"}, run: (*operation).makeAddedMachines},
	{name: "nodes", title: "nodes", after: []string{"machines"}, run: (*operation).awaitAddedNodes},
	// A second replica of CoreDNS is there for the second node to take.
	dnsStep("machines"),
	{name: "finish", title: "finishing", after: []string{"nodes", "dns"}, run: (*operation).finishGroup},
}

// shrinkSteps take nodes out.
var shrinkSteps = []step{
	{name: "cordon", title: "cordoning nodes", run: (*operation).cordonLeaving},
	{name: "remove", title: "removing nodes", after: []string{"cordon"}, run: (*operation).removeLeaving},
	dnsStep("remove"),
	{name: "finish", title: "finishing", after: []string{"dns"}, run: (*operation).finishGroup},
}

// given gives the nodes that the operation was given and that still have a record.
func (o *operation) given(ctx context.Context) ([]hanok.Node, error) {
	in, err := readInput(o.event)
	if err != nil {
		return nil, err
	}
	return o.named(ctx, in.Nodes)
}

// drained is 1 for a node that has to be drained before it goes.
func drained(n hanok.Node) int {
	if n.Status == hanok.NodeActive {
		return 1
	}
	return 0
}

func (o *operation) cordonLeaving(ctx context.Context) error {
	nodes, err := o.given(ctx)
	if err != nil || len(nodes) == 0 {
		return err
	}
	return o.cordon(ctx, "cordon", nodes)
}

// removeLeaving takes the nodes out one after the other: what one loses has a
// place before the next goes. Those that have nothing to lose go first, so
// that no budget keeps them.
func (o *operation) removeLeaving(ctx context.Context) error {
	nodes, err := o.given(ctx)
	if err != nil {
		return err
	}
	slices.SortStableFunc(nodes, func(a, b hanok.Node) int {
		return cmp.Compare(drained(a), drained(b))
	})
	for _, n := range nodes {
		if err := o.empty(ctx, "remove", n); err != nil {
			return err
		}
		if err := o.remove(ctx, "remove", n); err != nil {
			return err
		}
	}
	return nil
}
