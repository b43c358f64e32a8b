package client

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hanok/hanok"
)

// Wishes name, by name or id, what a new cluster should use. What is empty is
// chosen.
type Wishes struct {
	Version    string // "v1.30.3"
	Flavor     string
	Image      string
	Network    string
	Subnet     string
	Keypair    string
	Zone       string
	VolumeType string
}

// Choice is what a create request names, by the ids that it wants.
type Choice struct {
	Version        string
	FlavorID       string
	ImageID        string
	NetworkID      string
	SubnetID       string
	Keypair        string
	Zone           string
	VolumeType     string
	MinDisk        int // GiB, the image's
	ExternalNet    string
	ExternalSubnet string // colon list
	// InternetGateway tells whether the subnet's router has one: only then may
	// the endpoint be public, and the external ids must be sent.
	InternetGateway bool
}

// The least that a node with the add-ons runs well in.
const (
	minVCPUs    = 2
	minMemoryMB = 2048
)

// Choose looks up what the wishes name and picks the first fitting of what
// they leave open: the newest version, the smallest flavor of 2 vCPUs and
// 2 GiB, a subnet with an internet gateway, the first of the rest.
func (c *Client) Choose(ctx context.Context, w Wishes) (Choice, error) {
	var ch Choice
	steps := []func() error{
		func() error { return c.chooseVersion(ctx, w, &ch) },
		func() error { return c.chooseImage(ctx, w, &ch) },
		func() error { return c.chooseFlavor(ctx, w, &ch) },
		func() error { return c.chooseNetwork(ctx, w, &ch) },
		func() error { return c.chooseKeypair(ctx, w, &ch) },
		func() error { return c.chooseZone(ctx, w, &ch) },
		func() error { return c.chooseVolumeType(ctx, w, &ch) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return Choice{}, err
		}
	}
	return ch, nil
}

func (c *Client) chooseVersion(ctx context.Context, w Wishes, ch *Choice) error {
	if w.Version != "" {
		ch.Version = w.Version
		return nil
	}
	supports, err := c.Supports(ctx)
	if err != nil {
		return fmt.Errorf("look up the Kubernetes versions: %w", err)
	}
	for v, creatable := range supports {
		if creatable && (ch.Version == "" || hanok.CompareVersions(v, ch.Version) > 0) {
			ch.Version = v
		}
	}
	if ch.Version == "" {
		return fmt.Errorf("the service has no Kubernetes version to create clusters of: build one on its host with: hanok bundle build")
	}
	return nil
}

func (c *Client) chooseImage(ctx context.Context, w Wishes, ch *Choice) error {
	images, err := c.Images(ctx)
	if err != nil {
		return fmt.Errorf("look up the images: %w", err)
	}
	img, err := pick("image", w.Image, images, func(i Image) (string, string) { return i.ID, i.Name },
		func(i Image) bool { return i.Status == "active" })
	ch.ImageID, ch.MinDisk = img.ID, img.MinDisk
	return err
}

func (c *Client) chooseFlavor(ctx context.Context, w Wishes, ch *Choice) error {
	flavors, err := c.Flavors(ctx)
	if err != nil {
		return fmt.Errorf("look up the flavors: %w", err)
	}
	slices.SortStableFunc(flavors, func(a, b Flavor) int {
		return cmp.Or(cmp.Compare(a.RAM, b.RAM), cmp.Compare(a.VCPUs, b.VCPUs))
	})
	f, err := pick("flavor", w.Flavor, flavors, func(f Flavor) (string, string) { return f.ID, f.Name },
		func(f Flavor) bool { return f.VCPUs >= minVCPUs && f.RAM >= minMemoryMB })
	ch.FlavorID = f.ID
	return err
}

func (c *Client) chooseNetwork(ctx context.Context, w Wishes, ch *Choice) error {
	networks, err := c.Networks(ctx)
	if err != nil {
		return fmt.Errorf("look up the networks: %w", err)
	}
	subnets, err := c.Subnets(ctx)
	if err != nil {
		return fmt.Errorf("look up the subnets: %w", err)
	}
	inner := map[string]bool{}
	for _, n := range networks {
		if !n.External {
			inner[n.ID] = true
		} else if ch.ExternalNet == "" {
			ch.ExternalNet = n.ID
		}
	}
	if w.Network != "" {
		n, err := pick("network", w.Network, networks, func(n Network) (string, string) { return n.ID, n.Name }, nil)
		if err != nil {
			return err
		}
		ch.NetworkID = n.ID
	}
	ofNetwork := slices.DeleteFunc(slices.Clone(subnets), func(s Subnet) bool {
		return !inner[s.VPCID] || ch.NetworkID != "" && s.VPCID != ch.NetworkID
	})
	rank := func(s Subnet) int {
		if s.RoutingTable.GatewayID != "" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(ofNetwork, func(a, b Subnet) int { // those with a gateway first
		return cmp.Compare(rank(a), rank(b))
	})
	s, err := pick("subnet", w.Subnet, ofNetwork, func(s Subnet) (string, string) { return s.ID, s.Name },
		func(Subnet) bool { return true })
	if err != nil {
		return err
	}
	ch.SubnetID, ch.NetworkID = s.ID, s.VPCID
	ch.InternetGateway = s.RoutingTable.GatewayID != ""
	var external []string
	for _, s := range subnets {
		if s.VPCID == ch.ExternalNet {
			external = append(external, s.ID)
		}
	}
	ch.ExternalSubnet = strings.Join(external, ":")
	return nil
}

func (c *Client) chooseKeypair(ctx context.Context, w Wishes, ch *Choice) error {
	keys, err := c.Keypairs(ctx)
	if err != nil {
		return fmt.Errorf("look up the key pairs: %w", err)
	}
	if len(keys) == 0 {
		return fmt.Errorf("you have no key pair, and nodes need one: create it with: hanok keypair create NAME --public-key ~/.ssh/id_ed25519.pub")
	}
	k, err := pick("key pair", w.Keypair, keys, func(k Keypair) (string, string) { return k.Name, k.Name },
		func(Keypair) bool { return true })
	ch.Keypair = k.Name
	return err
}

func (c *Client) chooseZone(ctx context.Context, w Wishes, ch *Choice) error {
	zones, err := c.Zones(ctx)
	if err != nil {
		return fmt.Errorf("look up the availability zones: %w", err)
	}
	z, err := pick("availability zone", w.Zone, zones, func(z Zone) (string, string) { return z.Name, z.Name },
		func(z Zone) bool { return z.State.Available })
	ch.Zone = z.Name
	return err
}

func (c *Client) chooseVolumeType(ctx context.Context, w Wishes, ch *Choice) error {
	types, err := c.VolumeTypes(ctx)
	if err != nil {
		return fmt.Errorf("look up the volume types: %w", err)
	}
	v, err := pick("volume type", w.VolumeType, types, func(v VolumeType) (string, string) { return v.ID, v.Name },
		func(v VolumeType) bool { return !strings.HasPrefix(v.Name, "Encrypted") })
	ch.VolumeType = v.Name
	return err
}

// FindFlavor finds a flavor by id or name.
func (c *Client) FindFlavor(ctx context.Context, wanted string) (Flavor, error) {
	flavors, err := c.Flavors(ctx)
	if err != nil {
		return Flavor{}, err
	}
	return pick("flavor", wanted, flavors, func(f Flavor) (string, string) { return f.ID, f.Name }, func(Flavor) bool { return false })
}

// FindImage finds an image by id or name.
func (c *Client) FindImage(ctx context.Context, wanted string) (Image, error) {
	images, err := c.Images(ctx)
	if err != nil {
		return Image{}, err
	}
	return pick("image", wanted, images, func(i Image) (string, string) { return i.ID, i.Name }, func(Image) bool { return false })
}

// pick finds the wanted item by id or name, or the first that fits when none
// is wanted.
func pick[T any](what, wanted string, items []T, names func(T) (id, name string), fits func(T) bool) (T, error) {
	var zero T
	var known []string
	var found []T
	for _, item := range items {
		id, name := names(item)
		switch {
		case wanted == "" && fits(item), wanted != "" && wanted == id:
			return item, nil
		case wanted != "" && wanted == name:
			found = append(found, item)
		}
		known = append(known, strconv.Quote(name))
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return zero, fmt.Errorf("%d %ss are named %q: name one by its id", len(found), what, wanted)
	case wanted == "":
		return zero, fmt.Errorf("the catalogue has no %s that fits a node: name one yourself (there are: %s)", what, strings.Join(known, ", "))
	}
	return zero, fmt.Errorf("there is no %s %q (there are: %s)", what, wanted, strings.Join(known, ", "))
}
