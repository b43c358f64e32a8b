package admission

import (
	"context"
	"slices"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// lookup finds what a request names in the catalogue, as the caller sees it.
type lookup struct {
	cat    infra.Catalogue
	caller infra.Token
}

// fill looks up everything that a plan's records name. What is unknown is a
// KindInvalid error that names the field; a catalogue that fails is passed on.
func fill(ctx context.Context, p *ClusterPlan, cat infra.Catalogue, caller infra.Token) error {
	l := lookup{cat: cat, caller: caller}
	steps := []func(context.Context, *ClusterPlan) error{l.flavor, l.image, l.volume, l.extra, l.zone, l.keypair, l.network, l.external}
	for _, step := range steps {
		if err := step(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// unknown turns the catalogue's "not found" into an error of the request.
func unknown(err error, field, what, id string) error {
	if hanok.KindOf(err) == hanok.KindNotFound {
		return hanok.Invalid(field, "%s %s could not be found", what, hanok.Quote(id))
	}
	return err
}

func (l lookup) flavor(ctx context.Context, p *ClusterPlan) (err error) {
	p.Flavor, err = l.cat.Flavor(ctx, l.caller.ProjectID, p.Group.FlavorID)
	return unknown(err, "flavor_id", "flavor", p.Group.FlavorID)
}

func (l lookup) image(ctx context.Context, p *ClusterPlan) (err error) {
	const field = "labels." + hanok.LabelImage
	p.Image, err = l.cat.Image(ctx, l.caller.ProjectID, p.Group.ImageID)
	switch {
	case err != nil:
		return unknown(err, field, "image", p.Group.ImageID)
	case !p.Image.Kubernetes:
		return hanok.Invalid(field, "image %q is not made for Kubernetes nodes", p.Image.Name)
	case p.Image.Status != "active":
		return hanok.Invalid(field, "image %q is %s, not active", p.Image.Name, p.Image.Status)
	case p.Flavor.MemoryMB < p.Image.MinRAMMB:
		return hanok.Invalid("flavor_id", "flavor %s has %d MB of memory; image %q needs at least %d", p.Flavor.Name, p.Flavor.MemoryMB, p.Image.Name, p.Image.MinRAMMB)
	}
	return nil
}

func (l lookup) volume(ctx context.Context, p *ClusterPlan) error {
	const field = "labels." + hanok.LabelBootVolumeType
	p.BootVolume.Type, p.BootVolume.SizeGB = p.Group.BootVolume()
	types, err := l.cat.VolumeTypes(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(types, func(t infra.VolumeType) bool { return t.Name == p.BootVolume.Type })
	if i < 0 {
		var names []string
		for _, t := range types {
			names = append(names, t.Name)
		}
		return hanok.Invalid(field, "volume type %s could not be found; there are: %s", hanok.Quote(p.BootVolume.Type), strings.Join(names, ", "))
	}
	if p.BootVolume.SizeGB < p.Image.MinDiskGB {
		return hanok.Invalid("labels."+hanok.LabelBootVolumeSize, "%d GB is too small; image %q needs at least %d GB", p.BootVolume.SizeGB, p.Image.Name, p.Image.MinDiskGB)
	}
	return nil
}

func (l lookup) zone(ctx context.Context, p *ClusterPlan) error {
	const field = "labels." + hanok.LabelZone
	p.Zone = p.Group.Zone()
	if p.Zone == "" {
		return nil
	}
	zones, err := l.cat.Zones(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(zones, func(z infra.Zone) bool { return z.Name == p.Zone })
	switch {
	case i < 0:
		return hanok.Invalid(field, "availability zone %s could not be found", hanok.Quote(p.Zone))
	case !zones[i].Available:
		return hanok.Invalid(field, "availability zone %s is not available; choose another", p.Zone)
	}
	return nil
}

func (l lookup) keypair(ctx context.Context, p *ClusterPlan) (err error) {
	p.Keypair, err = l.cat.Keypair(ctx, l.caller.ProjectID, l.caller.UserID, p.Group.Keypair)
	return unknown(err, "keypair", "key pair", p.Group.Keypair)
}

func (l lookup) network(ctx context.Context, p *ClusterPlan) (err error) {
	c := p.Cluster
	if p.Network, err = l.cat.Network(ctx, l.caller.ProjectID, c.FixedNetwork); err != nil {
		return unknown(err, "fixed_network", "network", c.FixedNetwork)
	}
	if p.Network.External {
		return hanok.Invalid("fixed_network", "network %q is the internet gateway's side; choose a VPC of the project", p.Network.Name)
	}
	if p.Subnet, err = l.cat.Subnet(ctx, l.caller.ProjectID, c.FixedSubnet); err != nil {
		return unknown(err, "fixed_subnet", "subnet", c.FixedSubnet)
	}
	if p.Subnet.NetworkID != p.Network.ID {
		return hanok.Invalid("fixed_subnet", "subnet %q is not a subnet of network %q", p.Subnet.Name, p.Network.Name)
	}
	return nil
}

// external checks the two labels for the internet gateway's side. That they
// come as a pair is CheckLabels' affair.
func (l lookup) external(ctx context.Context, p *ClusterPlan) error {
	const networkField, subnetField = "labels." + hanok.LabelExternalNetwork, "labels." + hanok.LabelExternalSubnets
	networkID := p.Cluster.Labels[hanok.LabelExternalNetwork]
	if networkID == "" {
		if p.Subnet.InternetGateway {
			return hanok.Invalid(networkField, "is missing; the router of subnet %q has an internet gateway, so it and %s must be set", p.Subnet.Name, hanok.LabelExternalSubnets)
		}
		return nil
	}
	network, err := l.cat.Network(ctx, l.caller.ProjectID, networkID)
	if err != nil {
		return unknown(err, networkField, "network", networkID)
	}
	if !network.External {
		return hanok.Invalid(networkField, "network %q is not attached to an internet gateway", network.Name)
	}
	seen := map[string]bool{}
	for id := range strings.SplitSeq(p.Cluster.Labels[hanok.LabelExternalSubnets], ":") {
		if seen[id] {
			return hanok.Invalid(subnetField, "names subnet %s twice", hanok.Quote(id))
		}
		seen[id] = true
		subnet, err := l.cat.Subnet(ctx, l.caller.ProjectID, id)
		if err != nil {
			return unknown(err, subnetField, "subnet", id)
		}
		if subnet.NetworkID != network.ID {
			return hanok.Invalid(subnetField, "subnet %q is not a subnet of network %q", subnet.Name, network.Name)
		}
	}
	return nil
}
