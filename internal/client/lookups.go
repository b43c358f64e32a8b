package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Flavor is a machine size of Nova's.
type Flavor struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	RAM   int    `json:"ram"` // MiB
	VCPUs int    `json:"vcpus"`
}

// Image is a base image of Glance's.
type Image struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Status  string `json:"status"`
	MinDisk int    `json:"min_disk"` // GiB
}

// Network is a VPC of Neutron's.
type Network struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	External bool   `json:"router:external"`
}

// Subnet is a subnet of a VPC, as the guide's VPC API shows it.
type Subnet struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	VPCID        string `json:"vpc_id"`
	CIDR         string `json:"cidr"`
	External     bool   `json:"router:external"`
	RoutingTable struct {
		// GatewayID is the internet gateway; "" where there is none.
		GatewayID string `json:"gateway_id"`
	} `json:"routingtable"`
}

// Keypair is an SSH key of the user. PrivateKey is there once, when the
// service made the key.
type Keypair struct {
	Name        string `json:"name"`
	PublicKey   string `json:"public_key"`
	Fingerprint string `json:"fingerprint"`
	PrivateKey  string `json:"private_key,omitempty"`
}

// Zone is an availability zone.
type Zone struct {
	Name  string `json:"zoneName"`
	State struct {
		Available bool `json:"available"`
	} `json:"zoneState"`
}

// VolumeType is a kind of block volume.
type VolumeType struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Server is a machine of Nova's: a node.
type Server struct {
	ID        string               `json:"id"`
	Name      string               `json:"name"`
	Status    string               `json:"status"`
	Created   *time.Time           `json:"created"`
	Zone      string               `json:"OS-EXT-AZ:availability_zone"`
	Metadata  map[string]string    `json:"metadata"`
	Addresses map[string][]Address `json:"addresses"`
	Flavor    struct {
		ID string `json:"id"`
	} `json:"flavor"`

	Raw json.RawMessage `json:"-"`
}

// Address is one address of a server.
type Address struct {
	Addr string `json:"addr"`
}

// lookup gets a list that stands under key.
func lookup[T any](ctx context.Context, c *Client, service, path, key string) ([]T, error) {
	var page map[string]json.RawMessage
	if err := c.get(ctx, service, path, &page); err != nil {
		return nil, err
	}
	var items []T
	err := decode(path, page[key], &items)
	return items, err
}

// Flavors lists the machine sizes.
func (c *Client) Flavors(ctx context.Context) ([]Flavor, error) {
	return lookup[Flavor](ctx, c, compute, "/flavors/detail", "flavors")
}

// Images lists the base images that nodes may boot from.
func (c *Client) Images(ctx context.Context) ([]Image, error) {
	return lookup[Image](ctx, c, image, "/v2/images?nhncloud_product=container&visibility=public", "images")
}

// Networks lists the VPCs.
func (c *Client) Networks(ctx context.Context) ([]Network, error) {
	return lookup[Network](ctx, c, network, "/v2.0/networks", "networks")
}

// Subnets lists the VPCs' subnets.
func (c *Client) Subnets(ctx context.Context) ([]Subnet, error) {
	return lookup[Subnet](ctx, c, network, "/v2.0/vpcsubnets", "vpcsubnets")
}

// Zones lists the availability zones.
func (c *Client) Zones(ctx context.Context) ([]Zone, error) {
	return lookup[Zone](ctx, c, compute, "/os-availability-zone", "availabilityZoneInfo")
}

// VolumeTypes lists the kinds of block volume.
func (c *Client) VolumeTypes(ctx context.Context) ([]VolumeType, error) {
	return lookup[VolumeType](ctx, c, volume, "/types", "volume_types")
}

// Keypairs lists the user's SSH keys.
func (c *Client) Keypairs(ctx context.Context) ([]Keypair, error) {
	items, err := lookup[struct {
		Keypair Keypair `json:"keypair"`
	}](ctx, c, compute, "/os-keypairs", "keypairs")
	keys := make([]Keypair, 0, len(items))
	for _, item := range items {
		keys = append(keys, item.Keypair)
	}
	return keys, err
}

// CreateKeypair registers an SSH public key; with an empty one the service
// makes a key and the answer holds the private part.
func (c *Client) CreateKeypair(ctx context.Context, name, publicKey string) (Keypair, error) {
	kp := map[string]string{"name": name}
	if publicKey != "" {
		kp["public_key"] = publicKey
	}
	body, err := json.Marshal(map[string]any{"keypair": kp})
	if err != nil {
		return Keypair{}, err
	}
	answer, err := c.call(ctx, compute, http.MethodPost, "/os-keypairs", body)
	if err != nil {
		return Keypair{}, err
	}
	var v struct {
		Keypair Keypair `json:"keypair"`
	}
	err = decode("/os-keypairs", answer, &v)
	return v.Keypair, err
}

// Servers lists the project's machines.
func (c *Client) Servers(ctx context.Context) ([]Server, error) {
	items, err := lookup[json.RawMessage](ctx, c, compute, "/servers/detail", "servers")
	servers := make([]Server, 0, len(items))
	for _, item := range items {
		var s Server
		if err := decode("/servers/detail", item, &s); err != nil {
			return nil, err
		}
		s.Raw = item
		servers = append(servers, s)
	}
	return servers, err
}
