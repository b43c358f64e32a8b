package main

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/lease"
	log "k8s.io/klog/v2"
)

// The annotations by which nodes tell each other how to be reached; flannel's
// own daemons read and write the same.
const (
	annotationManaged  = "flannel.alpha.coreos.com/kube-subnet-manager"
	annotationType     = "flannel.alpha.coreos.com/backend-type"
	annotationData     = "flannel.alpha.coreos.com/backend-data"
	annotationPublicIP = "flannel.alpha.coreos.com/public-ip"
)

// leaseOf reads a node's lease; ok is false where flannel does not serve the
// node yet, or not over IPv4.
func leaseOf(n node) (l lease.Lease, ok bool) {
	a := n.Metadata.Annotations
	if a[annotationManaged] != "true" || a[annotationData] == "" {
		return l, false
	}
	sub, err := parseSubnet(n.Spec.PodCIDR)
	if err != nil {
		return l, false
	}
	public, err := ip.ParseIP4(a[annotationPublicIP])
	if err != nil {
		log.Warningf("Node %s names no usable public IP: %v", n.Metadata.Name, err)
		return l, false
	}
	return lease.Lease{
		EnableIPv4: true,
		Subnet:     sub,
		Attrs: lease.LeaseAttrs{
			PublicIP: public, BackendType: a[annotationType], BackendData: json.RawMessage(a[annotationData]),
		},
	}, true
}

func sameLease(a, b lease.Lease) bool {
	return a.Subnet.Equal(b.Subnet) && a.Attrs.PublicIP == b.Attrs.PublicIP &&
		a.Attrs.BackendType == b.Attrs.BackendType && string(a.Attrs.BackendData) == string(b.Attrs.BackendData)
}

func parseSubnet(cidr string) (ip.IP4Net, error) {
	p, err := netip.ParsePrefix(cidr)
	if err != nil || !p.Addr().Is4() {
		return ip.IP4Net{}, fmt.Errorf("pod CIDR %q is not an IPv4 network", cidr)
	}
	return ip.IP4Net{IP: ip.FromBytes(p.Masked().Addr().AsSlice()), PrefixLen: uint(p.Bits())}, nil
}
