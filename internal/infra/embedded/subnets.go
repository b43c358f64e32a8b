package embedded

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// Subnets lists the project's subnets and the shared ones, by time of creation.
func (c *Catalogue) Subnets(ctx context.Context, project string) ([]infra.Subnet, error) {
	return view(ctx, c, kindSubnet, "", subnetVisible(project), func(a, b infra.Subnet) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
}

// Subnet finds a subnet by id.
func (c *Catalogue) Subnet(ctx context.Context, project, id string) (infra.Subnet, error) {
	return one(ctx, c, kindSubnet, id, subnetVisible(project))
}

func subnetVisible(project string) func(infra.Subnet) bool {
	return func(s infra.Subnet) bool { return s.Shared || s.External || s.ProjectID == project }
}

// CreateSubnet makes a subnet of a project's VPC. Name, NetworkID, ProjectID,
// CIDR and InternetGateway are the caller's; Gateway is the first address of
// the range where it is not given.
func (c *Catalogue) CreateSubnet(ctx context.Context, s infra.Subnet) (infra.Subnet, error) {
	if err := checkName("name", s.Name); err != nil {
		return infra.Subnet{}, err
	}
	if err := checkCIDR(s.CIDR); err != nil {
		return infra.Subnet{}, err
	}
	if !s.Gateway.IsValid() {
		s.Gateway = s.CIDR.Addr().Next()
	}
	if err := checkGateway(s.CIDR, s.Gateway); err != nil {
		return infra.Subnet{}, err
	}
	s.ID, s.CreatedAt, s.External, s.Shared = uuid.NewString(), c.created(), false, false
	err := c.store.Update(ctx, func(tx store.Tx) error {
		n, err := get[infra.Network](tx, kindNetwork, s.NetworkID, s.NetworkID)
		if err != nil {
			return err
		}
		if n.ProjectID != s.ProjectID {
			return hanok.NotFound("network", s.NetworkID)
		}
		if !contains(n.CIDR, s.CIDR) {
			return hanok.Invalid("cidr", "%s is not within the network's %s", s.CIDR, n.CIDR)
		}
		others, err := subnetsOf(tx, n.ID)
		if err != nil {
			return err
		}
		for _, o := range others {
			if o.CIDR.Overlaps(s.CIDR) {
				return hanok.Invalid("cidr", "%s overlaps with subnet %s (%s) of the same network", s.CIDR, o.Name, o.CIDR)
			}
		}
		return put(tx, kindSubnet, s.ID, s.ProjectID, s.Name, s.CreatedAt, s)
	})
	if err != nil {
		return infra.Subnet{}, err
	}
	return s, nil
}

func checkGateway(cidr netip.Prefix, gateway netip.Addr) error {
	switch {
	case !cidr.Contains(gateway):
		return hanok.Invalid("gateway_ip", "%s is not within %s", gateway, cidr)
	case gateway == cidr.Addr(), !cidr.Contains(gateway.Next()):
		return hanok.Invalid("gateway_ip", "%s is the network's own or its broadcast address", gateway)
	}
	return nil
}

func contains(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// DeleteSubnet removes a subnet. One that clusters use is hanok.KindConflict.
func (c *Catalogue) DeleteSubnet(ctx context.Context, project, id string) error {
	return c.store.Update(ctx, func(tx store.Tx) error {
		s, err := get[infra.Subnet](tx, kindSubnet, id, id)
		if err != nil {
			return err
		}
		if s.ProjectID != project {
			return hanok.NotFound("subnet", id)
		}
		clusters, err := tx.Clusters(project)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(clusters, func(cl hanok.Cluster) bool { return cl.FixedSubnet == id }); i >= 0 {
			return hanok.Errorf(hanok.KindConflict, "subnet %s is in use by cluster %s; delete the cluster first", id, clusters[i].UUID)
		}
		return tx.DeleteDocument(kindSubnet, id)
	})
}

func subnetsOf(tx store.Tx, networkID string) ([]infra.Subnet, error) {
	all, err := list[infra.Subnet](tx, kindSubnet, "")
	return slices.DeleteFunc(all, func(s infra.Subnet) bool { return s.NetworkID != networkID }), err
}
