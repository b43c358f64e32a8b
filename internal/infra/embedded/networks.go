package embedded

import (
	"cmp"
	"context"
	"net/netip"
	"strings"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// Networks lists the project's VPCs and the shared ones, by time of creation.
func (c *Catalogue) Networks(ctx context.Context, project string) ([]infra.Network, error) {
	return view(ctx, c, kindNetwork, "", networkVisible(project), func(a, b infra.Network) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
}

// Network finds a VPC by id.
func (c *Catalogue) Network(ctx context.Context, project, id string) (infra.Network, error) {
	return one(ctx, c, kindNetwork, id, networkVisible(project))
}

func networkVisible(project string) func(infra.Network) bool {
	return func(n infra.Network) bool { return n.Shared || n.External || n.ProjectID == project }
}

// reserved is what no VPC may use: link-local addresses, and the range that
// the service keeps for control planes and endpoints.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/19"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("224.0.0.0/3"),
}

// CreateNetwork makes a VPC of a project. Ranges of VPCs may overlap.
func (c *Catalogue) CreateNetwork(ctx context.Context, project, name string, cidr netip.Prefix) (infra.Network, error) {
	if err := checkName("name", name); err != nil {
		return infra.Network{}, err
	}
	if err := checkCIDR(cidr); err != nil {
		return infra.Network{}, err
	}
	n := infra.Network{ID: uuid.NewString(), Name: name, ProjectID: project, CIDR: cidr, CreatedAt: c.created()}
	err := c.store.Update(ctx, func(tx store.Tx) error {
		if _, err := get[infra.Project](tx, kindProject, project, project); err != nil {
			return err
		}
		return put(tx, kindNetwork, n.ID, project, name, n.CreatedAt, n)
	})
	if err != nil {
		return infra.Network{}, err
	}
	return n, nil
}

func checkCIDR(cidr netip.Prefix) error {
	switch {
	case !cidr.IsValid() || !cidr.Addr().Is4():
		return hanok.Invalid("cidr", "%q is no IPv4 network; give one as 192.168.0.0/24", cidr.String())
	case cidr != cidr.Masked():
		return hanok.Invalid("cidr", "%s has host bits set; give %s", cidr, cidr.Masked())
	case cidr.Bits() < 8 || cidr.Bits() > 28:
		return hanok.Invalid("cidr", "%s: the prefix length must be from 8 to 28", cidr)
	}
	for _, r := range reserved {
		if r.Overlaps(cidr) {
			return hanok.Invalid("cidr", "%s overlaps with %s, which is reserved", cidr, r)
		}
	}
	return nil
}

// DeleteNetwork removes a VPC. One that has subnets is hanok.KindConflict.
func (c *Catalogue) DeleteNetwork(ctx context.Context, project, id string) error {
	return c.store.Update(ctx, func(tx store.Tx) error {
		n, err := get[infra.Network](tx, kindNetwork, id, id)
		if err != nil {
			return err
		}
		if n.ProjectID != project {
			return hanok.NotFound("network", id)
		}
		subnets, err := subnetsOf(tx, id)
		if err != nil {
			return err
		}
		if len(subnets) > 0 {
			return hanok.Errorf(hanok.KindConflict, "network %s has %d subnets; delete them first", id, len(subnets))
		}
		return tx.DeleteDocument(kindNetwork, id)
	})
}
