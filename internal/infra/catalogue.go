package infra

import "context"

// Catalogue is what users look up before they create a cluster. Every method
// takes the caller's project and shows only what that project may see; what
// it may not see is a hanok.KindNotFound error. Lists are in a stable order.
type Catalogue interface {
	Flavors(ctx context.Context, project string) ([]Flavor, error)
	Flavor(ctx context.Context, project, id string) (Flavor, error)
	Images(ctx context.Context, project string) ([]Image, error)
	Image(ctx context.Context, project, id string) (Image, error)
	Networks(ctx context.Context, project string) ([]Network, error)
	Network(ctx context.Context, project, id string) (Network, error)
	Subnets(ctx context.Context, project string) ([]Subnet, error)
	Subnet(ctx context.Context, project, id string) (Subnet, error)
	// Keypairs are found by name. CreateKeypair with an empty public key makes
	// one and returns the private key (PEM, OpenSSH) that is kept nowhere.
	Keypairs(ctx context.Context, project, user string) ([]Keypair, error)
	Keypair(ctx context.Context, project, user, name string) (Keypair, error)
	CreateKeypair(ctx context.Context, project, user, name, publicKey string) (Keypair, []byte, error)
	DeleteKeypair(ctx context.Context, project, user, name string) error
	Zones(ctx context.Context) ([]Zone, error)
	VolumeTypes(ctx context.Context) ([]VolumeType, error)
}
