package admission

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"strconv"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/quota"
)

// Bounds of a create request.
const (
	createTimeoutDefault = 60 // minutes
	createTimeoutMax     = 1440
	// defaultGroupQuota is the most nodes of a group where no quota is set.
	defaultGroupQuota = 10
)

// Options are the settings that requests are checked against.
type Options struct {
	// Bundles are the Kubernetes versions that a bundle is on disk of.
	Bundles []string
	// GroupQuota is the most nodes that a node group of the project may have,
	// where a quota is set; 0 leaves the guide's bound, defaultGroupQuota.
	GroupQuota int
}

// nodeCount reads the number of nodes of a group that is to be made. Beyond the
// guide's bound it is KindInvalid; beyond a quota that was set, KindForbidden.
func (opts Options) nodeCount(o object, field string, least int) (int, error) {
	if opts.GroupQuota == 0 {
		return o.bounded(field, least, defaultGroupQuota)
	}
	n, err := o.integer(field)
	switch {
	case err != nil:
		return n, err
	case n < least:
		return n, hanok.Invalid(field, "%d is out of bounds; it must be at least %d", n, least)
	case n > opts.GroupQuota:
		return n, quota.TooManyNodes(field, n, opts.GroupQuota)
	}
	return n, nil
}

// clusterFields are the fields of a create request that are known.
var clusterFields = []string{
	"name", "cluster_template_id", "keypair", "node_count", "flavor_id", "fixed_network", "fixed_subnet", "labels",
	"create_timeout", "discovery_url", "master_count", "merge_labels",
	"addons", "api_ep_ipacl", "docker_volume_size", "floating_ip_enabled", "master_flavor_id", "master_lb_enabled",
}

// CreateCluster checks a request to create a cluster as a whole: its form,
// the rules of the guides, and what it names in the catalogue under the
// caller's rights. A rule that is broken is a KindInvalid error; an otherwise
// good request for a feature that is not built is KindNotImplemented; both
// name the field. Nothing is changed.
func CreateCluster(ctx context.Context, cat infra.Catalogue, caller infra.Token, body []byte, opts Options) (*ClusterPlan, error) {
	o, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	if err := o.onlyKnown(clusterFields); err != nil {
		return nil, err
	}
	plan := &ClusterPlan{}
	if plan.Cluster, err = readCluster(o, caller); err != nil {
		return nil, err
	}
	if plan.Group, err = defaultGroup(o, plan.Cluster, opts); err != nil {
		return nil, err
	}
	if err := hanok.CheckCreatable("labels."+hanok.LabelKubeTag, plan.Cluster.Version, opts.Bundles); err != nil {
		return nil, err
	}
	if err := readRanges(plan.Cluster); err != nil {
		return nil, err
	}
	if err := fill(ctx, plan, cat, caller); err != nil {
		return nil, err
	}
	if err := checkRanges(plan); err != nil {
		return nil, err
	}
	if err := notBuilt(o, plan.Cluster.Labels); err != nil {
		return nil, err
	}
	if err := notEncrypted(ctx, cat, plan.BootVolume); err != nil {
		return nil, err
	}
	if err := notEncryptedExtra(ctx, cat, plan.Group.Labels); err != nil {
		return nil, err
	}
	return plan, nil
}

// readCluster reads the fields of the cluster itself.
func readCluster(o object, caller infra.Token) (hanok.Cluster, error) {
	c := hanok.Cluster{ProjectID: caller.ProjectID, UserID: caller.UserID}
	var err error
	if c.Name, err = o.text("name"); err != nil {
		return c, err
	}
	if err := hanok.CheckName("name", c.Name); err != nil {
		return c, err
	}
	template, err := o.text("cluster_template_id")
	if err != nil {
		return c, err
	}
	if template != hanok.TemplateName && template != hanok.TemplateUUID {
		return c, hanok.Invalid("cluster_template_id", "%s is not a cluster template; use %q", hanok.Quote(template), hanok.TemplateName)
	}
	if c.Keypair, err = o.text("keypair"); err != nil {
		return c, err
	}
	for _, id := range []struct {
		field string
		into  *string
	}{{"flavor_id", &c.FlavorID}, {"fixed_network", &c.FixedNetwork}, {"fixed_subnet", &c.FixedSubnet}} {
		if *id.into, err = o.uuid(id.field); err != nil {
			return c, err
		}
	}
	c.CreateTimeout = createTimeoutDefault
	if o.sent("create_timeout") {
		if c.CreateTimeout, err = o.bounded("create_timeout", 1, createTimeoutMax); err != nil {
			return c, err
		}
	}
	if o.sent("master_count") { // any number: control planes are the service's own affair
		n, err := o.integer("master_count")
		if err != nil {
			return c, err
		}
		c.MasterCount = &n
	}
	if err := readTolerated(o); err != nil {
		return c, err
	}
	c.Labels, err = readLabels(o, hanok.CheckLabels)
	c.Version = c.Labels[hanok.LabelKubeTag]
	return c, err
}

// readTolerated checks the fields that change nothing here: discovery_url
// must be null (older guide), and merge_labels merges with a template that
// has no labels.
func readTolerated(o object) error {
	if o.sent("discovery_url") && !emptyText(bytes.TrimSpace(o["discovery_url"])) {
		return hanok.Invalid("discovery_url", "must be null")
	}
	var merge bool
	if o.sent("merge_labels") && json.Unmarshal(o["merge_labels"], &merge) != nil {
		return hanok.Invalid("merge_labels", "must be true or false")
	}
	return nil
}

// readLabels reads the labels object and checks it by the rules of what has it.
func readLabels(o object, check func(map[string]string) error) (map[string]string, error) {
	if !o.sent("labels") {
		return nil, hanok.Invalid("labels", "is missing")
	}
	var raw map[string]json.RawMessage
	if json.Unmarshal(o["labels"], &raw) != nil {
		return nil, hanok.Invalid("labels", "must be an object")
	}
	labels, err := hanok.ReadLabels(raw)
	if err != nil {
		return nil, err
	}
	return labels, check(labels)
}

// defaultGroup is the worker group that every cluster begins with.
func defaultGroup(o object, c hanok.Cluster, opts Options) (hanok.NodeGroup, error) {
	quota := opts.GroupQuota
	if quota == 0 {
		quota = defaultGroupQuota
	}
	count, err := opts.nodeCount(o, "node_count", 1)
	if err != nil {
		return hanok.NodeGroup{}, err
	}
	labels := maps.Clone(c.Labels)
	least := groupBound(labels, hanok.LabelCAMin, hanok.DefaultMinNodeCount, quota)
	most := groupBound(labels, hanok.LabelCAMax, max(hanok.DefaultMaxNodeCount, quota), quota)
	return hanok.NodeGroup{
		ProjectID: c.ProjectID, Name: hanok.DefaultWorkerGroup, Role: hanok.RoleWorker, IsDefault: true,
		FlavorID: c.FlavorID, ImageID: c.Labels[hanok.LabelImage], Keypair: c.Keypair,
		NodeCount: count, MinNodeCount: min(least, most), MaxNodeCount: &most,
		Labels: labels, Version: c.Version,
	}, nil
}

// groupBound reads ca_min_node_count or ca_max_node_count, and writes the
// default into the group's labels where it was not sent: clients read both
// there. While the autoscaler is off a value outside of the quota bounds nothing.
func groupBound(labels map[string]string, name string, unsent, quota int) int {
	if labels[name] == "" {
		labels[name] = strconv.Itoa(unsent)
		return unsent
	}
	if n, err := strconv.Atoi(labels[name]); err == nil && n >= 1 && n <= quota {
		return n
	}
	return unsent
}
