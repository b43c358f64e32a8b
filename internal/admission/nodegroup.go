package admission

import (
	"context"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// GroupPlan is an admitted request for a node group: the record to keep and
// the catalogue's entries that it names. UUIDs, cluster, key pair, version,
// statuses and times are the engine's to fill in.
type GroupPlan struct {
	Group      hanok.NodeGroup
	Flavor     infra.Flavor
	Image      infra.Image
	BootVolume infra.Volume
	Zone       string
}

// groupFields are the fields of a request for a node group that are known;
// Magnum's clients send the last line's.
var groupFields = []string{
	"name", "node_count", "flavor_id", "image_id", "labels",
	"role", "min_node_count", "max_node_count", "merge_labels", "docker_volume_size",
}

// CreateNodeGroup checks a request to create a node group as a whole, as
// CreateCluster does for clusters. What depends on the cluster (its names,
// the room in its pod network) the engine checks when it takes the lock.
func CreateNodeGroup(ctx context.Context, cat infra.Catalogue, caller infra.Token, body []byte, opts Options) (*GroupPlan, error) {
	o, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	if err := o.onlyKnown(groupFields); err != nil {
		return nil, err
	}
	g, err := readGroup(o, opts)
	if err != nil {
		return nil, err
	}
	plan := &ClusterPlan{Group: g}
	l := lookup{cat: cat, caller: caller}
	for _, step := range []func(context.Context, *ClusterPlan) error{l.flavor, l.image, l.volume, l.extra, l.zone} {
		if err := step(ctx, plan); err != nil {
			return nil, groupField(err)
		}
	}
	if err := notBuilt(o, g.Labels); err != nil {
		return nil, err
	}
	if err := notEncrypted(ctx, cat, plan.BootVolume); err != nil {
		return nil, err
	}
	if err := notEncryptedExtra(ctx, cat, g.Labels); err != nil {
		return nil, err
	}
	return &GroupPlan{Group: plan.Group, Flavor: plan.Flavor, Image: plan.Image, BootVolume: plan.BootVolume, Zone: plan.Zone}, nil
}

// groupField renames the field of an error: a group's image is a field of its own.
func groupField(err error) error {
	if e, ok := err.(*hanok.Error); ok && e.Field == "labels."+hanok.LabelImage {
		e.Field = "image_id"
	}
	return err
}

// readGroup reads the fields of a group and checks them by themselves.
func readGroup(o object, opts Options) (hanok.NodeGroup, error) {
	g := hanok.NodeGroup{Role: hanok.RoleWorker}
	var err error
	if g.Name, err = o.text("name"); err != nil {
		return g, err
	}
	if err := hanok.CheckName("name", g.Name); err != nil {
		return g, err
	}
	if g.Name == hanok.DefaultMasterGroup {
		return g, hanok.Invalid("name", "%s is the control plane's name; choose another", hanok.Quote(g.Name))
	}
	for _, id := range []struct {
		field string
		into  *string
	}{{"flavor_id", &g.FlavorID}, {"image_id", &g.ImageID}} {
		if *id.into, err = o.uuid(id.field); err != nil {
			return g, err
		}
	}
	g.NodeCount = 1
	if o.sent("node_count") {
		if g.NodeCount, err = opts.nodeCount(o, "node_count", 1); err != nil {
			return g, err
		}
	}
	if o.sent("role") {
		role, err := o.text("role")
		if err != nil {
			return g, err
		}
		if role != hanok.RoleWorker {
			return g, hanok.Invalid("role", "%s is not a role that node groups may have; leave it out or send %q", hanok.Quote(role), hanok.RoleWorker)
		}
	}
	if err := readTolerated(o); err != nil {
		return g, err
	}
	if g.Labels, err = readLabels(o, hanok.CheckGroupLabels); err != nil {
		return g, err
	}
	hanok.FillGroupLabels(g.Labels)
	return g, readBounds(o, &g, opts)
}

// readBounds reads between how many nodes the group may scale itself: from
// the labels, and from the fields that Magnum's clients send instead. A group
// begins within those fields; the labels bind the autoscaler alone.
func readBounds(o object, g *hanok.NodeGroup, opts Options) error {
	least := groupBound(g.Labels, hanok.LabelCAMin, hanok.DefaultMinNodeCount, opts.quota())
	most := groupBound(g.Labels, hanok.LabelCAMax, max(hanok.DefaultMaxNodeCount, opts.quota()), opts.quota())
	var err error
	if o.sent("min_node_count") {
		if least, err = o.bounded("min_node_count", 0, opts.quota()); err != nil {
			return err
		}
	}
	if o.sent("max_node_count") {
		if most, err = o.bounded("max_node_count", 1, opts.quota()); err != nil {
			return err
		}
		if o.sent("min_node_count") && least > most {
			return hanok.Invalid("min_node_count", "%d is more than max_node_count %d", least, most)
		}
	}
	switch n := g.NodeCount; {
	case o.sent("min_node_count") && n < least:
		return hanok.Invalid("node_count", "%d is less than min_node_count %d", n, least)
	case o.sent("max_node_count") && n > most:
		return hanok.Invalid("node_count", "%d is more than max_node_count %d", n, most)
	}
	g.MinNodeCount, g.MaxNodeCount = min(least, most), &most
	return nil
}

// quota is the most nodes of a group.
func (o Options) quota() int {
	if o.GroupQuota == 0 {
		return defaultGroupQuota
	}
	return o.GroupQuota
}
