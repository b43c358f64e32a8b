package hanok

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// Ranges that a cluster must keep clear of (guide, "Create a Cluster").
var (
	// linkLocalRange is never routed.
	linkLocalRange = netip.MustParsePrefix("169.254.0.0/16")
	// serviceOwnRange is the service's own: endpoints, agents, control planes.
	serviceOwnRange = netip.MustParsePrefix("198.18.0.0/19")
	// bridgeRange is the container bridge of Kubernetes v1.23.3 and older.
	bridgeRange = netip.MustParsePrefix("172.17.0.0/16")
	// notHosts are IPv4 ranges whose addresses no host may have.
	notHosts = []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("224.0.0.0/3"),
	}
)

// Bounds of pods_network_subnet and of the ranges' prefix lengths.
const (
	podSubnetMin = 20
	podSubnetMax = 28
	// prefixMax is the longest prefix of a range: no CIDR block smaller than /24.
	prefixMax = 24
	// servicePrefixMin and podSpreadMax are limits of Kubernetes itself
	// (kube-apiserver, node IPAM of kube-controller-manager).
	servicePrefixMin = 12
	podSpreadMax     = 16
)

// ClusterRanges are the three ranges of a cluster and what else their rules
// look at.
type ClusterRanges struct {
	Subnet        netip.Prefix // of fixed_subnet
	Pods          netip.Prefix
	Service       netip.Prefix
	PodSubnetSize int    // prefix length of each node's pod subnet
	Version       string // "v1.30.3"
}

// ParseCIDR reads an IPv4 range whose host bits are zero.
func ParseCIDR(field, s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return netip.Prefix{}, Invalid(field, "%s is not an IPv4 range; write it as 10.100.0.0/16", Quote(s))
	}
	if p != p.Masked() {
		return netip.Prefix{}, Invalid(field, "%s has host bits set; the range is %s", p, p.Masked())
	}
	return p, nil
}

// Fields that the ranges come from.
const (
	fieldSubnet    = "fixed_subnet"
	fieldPods      = "labels." + LabelPodCIDR
	fieldService   = "labels." + LabelServiceCIDR
	fieldPodSubnet = "labels." + LabelPodSubnetSize
)

// Check applies the guide's rules for fixed_subnet, pods_network_cidr,
// service_cluster_ip_range and pods_network_subnet. The error names the field.
func (r ClusterRanges) Check() error {
	ranges := []struct {
		field string
		cidr  netip.Prefix
	}{{fieldSubnet, r.Subnet}, {fieldPods, r.Pods}, {fieldService, r.Service}}
	for i, a := range ranges {
		if err := checkRange(a.field, a.cidr, r.Version); err != nil {
			return err
		}
		for _, b := range ranges[:i] {
			if a.cidr.Overlaps(b.cidr) {
				return Invalid(a.field, "%s overlaps %s of %s; the three ranges of a cluster must not overlap",
					a.cidr, b.cidr, strings.TrimPrefix(b.field, "labels."))
			}
		}
	}
	if r.Service.Bits() < servicePrefixMin {
		return Invalid(fieldService, "%s is larger than Kubernetes allows; the prefix length must be at least /%d", r.Service, servicePrefixMin)
	}
	return checkPodSubnetSize(fieldPodSubnet, r.Pods, r.PodSubnetSize)
}

// checkRange applies the rules that look at one range alone.
func checkRange(field string, p netip.Prefix, version string) error {
	if p.Bits() > prefixMax {
		return Invalid(field, "%s is too small; the prefix length must be /%d or shorter", p, prefixMax)
	}
	if p.Overlaps(linkLocalRange) {
		return Invalid(field, "%s overlaps the link-local range %s", p, linkLocalRange)
	}
	if p.Overlaps(serviceOwnRange) {
		return Invalid(field, "%s overlaps %s, which the service uses itself", p, serviceOwnRange)
	}
	for _, n := range notHosts {
		if p.Overlaps(n) {
			return Invalid(field, "%s overlaps %s, whose addresses no host may have", p, n)
		}
	}
	if versionRule.MatchString(version) && CompareVersions(version, "v1.23.3") <= 0 && p.Overlaps(bridgeRange) {
		return Invalid(field, "%s overlaps the container bridge %s of Kubernetes %s", p, bridgeRange, version)
	}
	return nil
}

// checkPodSubnetSize checks the prefix length of each node's pod subnet
// against the cluster's pod range.
func checkPodSubnetSize(field string, pods netip.Prefix, size int) error {
	switch {
	case size < podSubnetMin || size > podSubnetMax:
		return Invalid(field, "%d is out of bounds; it must be %d to %d", size, podSubnetMin, podSubnetMax)
	case size < pods.Bits()+2:
		return Invalid(field, "%d must be at least 2 greater than the prefix length of the pod network %s", size, pods)
	case size-pods.Bits() > podSpreadMax:
		return Invalid(field, "%d is too far from the prefix length of the pod network %s; Kubernetes allows a difference of at most %d", size, pods, podSpreadMax)
	}
	return nil
}

// MaxNodes is how many nodes a pod network has room for.
func MaxNodes(pods netip.Prefix, podSubnetSize int) int {
	return max(1<<max(podSubnetSize-pods.Bits(), 0)-3, 0)
}

// PodSubnet gives the i-th subnet of a pod network, from 0.
func PodSubnet(pods netip.Prefix, podSubnetSize, i int) netip.Prefix {
	base := pods.Masked().Addr().As4()
	binary.BigEndian.PutUint32(base[:], binary.BigEndian.Uint32(base[:])+uint32(i)<<(32-podSubnetSize))
	return netip.PrefixFrom(netip.AddrFrom4(base), podSubnetSize)
}

// Quote gives a user's text for an error message, quoted and cut to a length
// that a message can bear.
func Quote(s string) string {
	const most = 80
	if len(s) > most {
		return fmt.Sprintf("%q…", strings.ToValidUTF8(s[:most], ""))
	}
	return fmt.Sprintf("%q", s)
}
