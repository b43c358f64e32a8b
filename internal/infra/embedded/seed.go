package embedded

import (
	"context"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// The names of the first project and user.
const (
	SeedProject = "demo"
	SeedUser    = "admin"
)

// SeedResult tells what Seed made. Password is set only when the user was
// made by this call; it is never logged.
type SeedResult struct {
	UserName    string
	ProjectName string
	Password    string
}

// Seed fills a store with the first project and user and with the catalogue.
// It is safe at each start: what is there stays as it is, and what an operator
// deleted stays deleted. password is the first user's, "" for a random one.
// A caller who must not lose it to a crash writes it down and then seeds; one
// who lost it calls Identity.SetPassword.
func Seed(ctx context.Context, s store.Store, identity *Identity, password string) (SeedResult, error) {
	result := SeedResult{UserName: SeedUser, ProjectName: SeedProject}
	done := false
	err := s.View(ctx, func(tx store.Tx) (err error) {
		done, err = seeded(tx)
		return err
	})
	if err != nil || done {
		return result, err
	}
	if password == "" {
		password = GeneratePassword()
	}
	if err := checkPassword(password); err != nil {
		return result, err
	}
	hash, err := identity.hasher.hash(ctx, password)
	if err != nil {
		return result, err
	}
	now := identity.now().UTC().Truncate(time.Second)
	err = s.Update(ctx, func(tx store.Tx) error {
		if done, err := seeded(tx); err != nil || done {
			password = "" // another process was first
			return err
		}
		if err := seedCatalogue(tx, now); err != nil {
			return err
		}
		project, err := createProject(tx, SeedProject, now)
		if err != nil {
			return err
		}
		user := userRecord{PasswordHash: hash, User: User{
			ID: newID(), Name: SeedUser, DefaultProject: project.ID, Enabled: true, CreatedAt: now,
		}}
		if err := putUser(tx, user); err != nil {
			return err
		}
		if err := putRoles(tx, user.ID, project.ID, []string{infra.RoleAdmin, infra.RoleMember}, now); err != nil {
			return err
		}
		return put(tx, kindSeed, "1", "", "", now, struct{}{})
	})
	if err != nil {
		return result, err
	}
	result.Password = password
	return result, nil
}

// kindSeed marks that the store was filled; its id is the version of the seed.
const kindSeed = "seed"

func seeded(tx store.Tx) (bool, error) {
	_, err := tx.Document(kindSeed, "1")
	if hanok.KindOf(err) == hanok.KindNotFound {
		return false, nil
	}
	return err == nil, err
}

// namespace makes the ids of what every installation has the same, so that a
// written request fits each of them.
var namespace = uuid.MustParse("3a1c6d0e-5f0b-5b52-9d0c-6f1d2f8a9c11")

func stableID(kind, name string) string {
	return uuid.NewSHA1(namespace, []byte(kind+"/"+name)).String()
}

// seedFlavors are sizes and names of the guide's families.
var seedFlavors = []infra.Flavor{
	{Name: "t2.c1m1", Type: "general", VCPUs: 1, MemoryMB: 1 << 10},
	{Name: "m2.c1m2", Type: "general", VCPUs: 1, MemoryMB: 2 << 10},
	{Name: "m2.c2m4", Type: "general", VCPUs: 2, MemoryMB: 4 << 10},
	{Name: "m2.c4m8", Type: "general", VCPUs: 4, MemoryMB: 8 << 10},
	{Name: "m2.c8m16", Type: "general", VCPUs: 8, MemoryMB: 16 << 10},
	{Name: "c2.c2m2", Type: "core", VCPUs: 2, MemoryMB: 2 << 10},
	{Name: "c2.c4m4", Type: "core", VCPUs: 4, MemoryMB: 4 << 10},
	{Name: "c2.c8m8", Type: "core", VCPUs: 8, MemoryMB: 8 << 10},
	{Name: "r2.c2m8", Type: "memory", VCPUs: 2, MemoryMB: 8 << 10},
	{Name: "r2.c4m16", Type: "memory", VCPUs: 4, MemoryMB: 16 << 10},
	{Name: "x1.c4m8", Type: "general", VCPUs: 4, MemoryMB: 8 << 10},
}

// nodeImageName is the image that nodes boot from.
const nodeImageName = "Debian Bookworm (12) Kubernetes node"

var nodeImage = infra.Image{
	ID: stableID(kindImage, nodeImageName), Name: nodeImageName, Status: "active", Visibility: "public",
	MinDiskGB: 5, OSDistro: "Debian", OSVersion: "12", OSType: "linux", OSArch: "amd64",
	LoginUser: "debian", Kubernetes: true,
}

// The network that stands for the internet, as labels.external_network_id and
// external_subnet_id_list name it: public endpoints get their addresses there.
const (
	publicNetworkName = "Public Network"
	publicSubnetName  = "Public Network subnet"
)

func seedCatalogue(tx store.Tx, now time.Time) error {
	for _, f := range seedFlavors {
		f.ID = stableID(kindFlavor, f.Name)
		if err := put(tx, kindFlavor, f.ID, "", f.Name, now, f); err != nil {
			return err
		}
	}
	image := nodeImage
	image.CreatedAt = now
	if err := put(tx, kindImage, image.ID, "", image.Name, now, image); err != nil {
		return err
	}
	for _, name := range []string{"General HDD", "General SSD"} {
		t := infra.VolumeType{ID: stableID(kindVolumeType, name), Name: name}
		if err := put(tx, kindVolumeType, t.ID, "", name, now, t); err != nil {
			return err
		}
	}
	for _, name := range []string{"kr-pub-a", "kr-pub-b"} {
		if err := put(tx, kindZone, name, "", name, now, infra.Zone{Name: name, Available: true}); err != nil {
			return err
		}
	}
	service := netip.MustParsePrefix("198.18.0.0/19")
	network := infra.Network{
		ID: stableID(kindNetwork, publicNetworkName), Name: publicNetworkName, CIDR: service,
		External: true, Shared: true, CreatedAt: now,
	}
	subnet := infra.Subnet{
		ID: stableID(kindSubnet, publicSubnetName), Name: publicSubnetName, NetworkID: network.ID, CIDR: service,
		Gateway: service.Addr().Next(), External: true, Shared: true, CreatedAt: now,
	}
	return putNetwork(tx, network, subnet)
}

// seedNetworks gives a project its default VPC. Its ids follow from the
// project's, so doing it again changes nothing.
func seedNetworks(tx store.Tx, project string, now time.Time) error {
	network := infra.Network{
		ID: stableID(kindNetwork, project), Name: "Default Network", ProjectID: project,
		CIDR: netip.MustParsePrefix("192.168.0.0/16"), CreatedAt: now,
	}
	subnet := func(name, cidr string, internetGateway bool) infra.Subnet {
		p := netip.MustParsePrefix(cidr)
		return infra.Subnet{
			ID: stableID(kindSubnet, project+"/"+name), Name: name, NetworkID: network.ID, ProjectID: project,
			CIDR: p, Gateway: p.Addr().Next(), InternetGateway: internetGateway, CreatedAt: now,
		}
	}
	return putNetwork(tx, network,
		subnet("Default Network subnet", "192.168.0.0/24", true),
		subnet("isolated", "192.168.1.0/24", false))
}

func putNetwork(tx store.Tx, n infra.Network, subnets ...infra.Subnet) error {
	if err := put(tx, kindNetwork, n.ID, n.ProjectID, n.Name, n.CreatedAt, n); err != nil {
		return err
	}
	for _, s := range subnets {
		if err := put(tx, kindSubnet, s.ID, s.ProjectID, s.Name, s.CreatedAt, s); err != nil {
			return err
		}
	}
	return nil
}
