package admission

import (
	"strconv"

	"github.com/hanok/hanok"
)

// readRanges checks the form of the range labels, so that their typed reading
// never falls back to a default for something that was sent.
func readRanges(c hanok.Cluster) error {
	for _, name := range []string{hanok.LabelServiceCIDR, hanok.LabelPodCIDR} {
		if v := c.Labels[name]; v != "" {
			if _, err := hanok.ParseCIDR("labels."+name, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkRanges applies the rules that look at the subnet, the two ranges and
// the number of nodes together.
func checkRanges(plan *ClusterPlan) error {
	c := plan.Cluster
	ranges := hanok.ClusterRanges{
		Subnet: plan.Subnet.CIDR, Pods: c.PodCIDR(), Service: c.ServiceCIDR(),
		PodSubnetSize: c.PodSubnetSize(), Version: c.Version,
	}
	if err := ranges.Check(); err != nil {
		return err
	}
	if most := hanok.MaxNodes(ranges.Pods, ranges.PodSubnetSize); plan.Group.NodeCount > most {
		return hanok.Invalid("node_count", "%s nodes do not fit the pod network %s with pod subnets of /%d, which has room for %d",
			strconv.Itoa(plan.Group.NodeCount), ranges.Pods, ranges.PodSubnetSize, most)
	}
	return nil
}
