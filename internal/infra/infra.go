// Package infra is the driver contract: everything that hanok needs of a
// cloud. This machine (infra/local) and OpenStack (later) implement it; the
// suite in infra/infratest says in tests what the comments here say in words.
package infra

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Driver makes machines, ports and endpoints.
//
// Clouds are slow and lose replies, so the contract is this:
//   - Every Create carries a Key that the caller recorded before the call. A
//     second Create with the same key gives the first's resource and changes
//     nothing. The driver chooses the id.
//   - Calls begin work and return; poll Machine until Status is what you want.
//   - Delete of what does not exist is success. Delete of a machine may be
//     called in any state and more than once.
//   - Look-ups of what does not exist give a hanok.KindNotFound error.
//   - What cannot fit (memory, disk, addresses) gives a hanok.KindUnavailable
//     error that names the numbers, and leaves nothing behind.
//   - All methods may be called at once, from any goroutine.
type Driver interface {
	// Name is the driver's name in logs ("local").
	Name() string

	// CreatePort reserves an address. Ports are made before machines.
	CreatePort(ctx context.Context, spec PortSpec) (Port, error)
	// PortByKey finds a port by the caller's key.
	PortByKey(ctx context.Context, key string) (Port, error)
	// DeletePort gives the address back. A port in use by a machine is an error (KindConflict).
	DeletePort(ctx context.Context, id string) error

	// CreateMachine begins to make and start a machine.
	CreateMachine(ctx context.Context, spec MachineSpec) (Machine, error)
	Machine(ctx context.Context, id string) (Machine, error)
	MachineByKey(ctx context.Context, key string) (Machine, error)
	// Machines lists the machines of a cluster ("" lists all).
	Machines(ctx context.Context, clusterUUID string) ([]Machine, error)
	// StopMachine ends the machine's processes; its volumes stay.
	StopMachine(ctx context.Context, id string) error
	// StartMachine boots a stopped machine; success when it already runs.
	StartMachine(ctx context.Context, id string) error
	// ResizeMachine changes the flavor of a stopped machine.
	ResizeMachine(ctx context.Context, id string, flavor Flavor) error
	// DeleteMachine ends it and removes all its volumes; its port stays.
	DeleteMachine(ctx context.Context, id string) error

	// CreateEndpoint reserves a cluster's stable API address, reachable in its
	// VPC, and from outside too when Public.
	CreateEndpoint(ctx context.Context, spec EndpointSpec) (Endpoint, error)
	EndpointByKey(ctx context.Context, key string) (Endpoint, error)
	// SetEndpointMembers replaces the addresses behind the endpoint, at once
	// and without cutting connections to members that stay.
	SetEndpointMembers(ctx context.Context, id string, members []netip.AddrPort) error
	DeleteEndpoint(ctx context.Context, id string) error
	// DialEndpoint connects from the service to the endpoint, public or not.
	DialEndpoint(ctx context.Context, id string) (net.Conn, error)

	// Restore brings back what should run after a reboot of the host, and
	// repairs networks; called once when the service starts. It touches
	// nothing that runs.
	Restore(ctx context.Context) error
	// AgentAddress is the address that machines reach the service's agent
	// listener by; the service must listen there.
	AgentAddress() netip.AddrPort
	// Capacity tells what there is and what is promised.
	Capacity(ctx context.Context) (Capacity, error)
}

// PortSpec asks for an address on a subnet.
type PortSpec struct {
	Key         string
	ClusterUUID string
	ProjectID   string
	Subnet      Subnet
	// ControlPlane asks for an address of the service's own range
	// (198.18.0.0/19) with a link into the subnet, instead of a tenant address.
	ControlPlane bool
}

// Port is a reserved address.
type Port struct {
	ID      string
	Key     string
	Address netip.Addr
	MAC     string
}

// MachineStatus is a machine's state (Nova's words).
type MachineStatus string

// The machine states.
const (
	MachineBuild   MachineStatus = "BUILD"
	MachineActive  MachineStatus = "ACTIVE"
	MachineShutoff MachineStatus = "SHUTOFF"
	MachineError   MachineStatus = "ERROR" // Fault says why
	MachineDeleted MachineStatus = "DELETED"
)

// MachineSpec asks for a machine.
type MachineSpec struct {
	Key         string
	Name        string // host name
	ClusterUUID string
	ProjectID   string
	Role        string // hanok.RoleWorker or hanok.RoleMaster
	Flavor      Flavor
	Image       Image
	BootVolume  Volume
	// ExtraVolumes are further volumes, in their order on the machine. They
	// live as long as the machine does.
	ExtraVolumes []ExtraVolume
	PortIDs      []string // eth0 first
	Keypair      *Keypair // nil for control-plane members
	// UserData is machine.Config in JSON; the driver places it at
	// machine.ConfigPath before the first boot. UUID-independent.
	UserData []byte
	Zone     string
}

// Machine is one machine as the driver sees it.
type Machine struct {
	ID          string // UUID
	Key         string
	Name        string
	ClusterUUID string
	ProjectID   string
	Role        string
	Status      MachineStatus
	Fault       string
	FlavorID    string
	ImageID     string
	KeypairName string
	Zone        string
	Addresses   []netip.Addr
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// EndpointSpec asks for an API endpoint.
type EndpointSpec struct {
	Key         string
	ClusterUUID string
	ProjectID   string
	Subnet      Subnet
	Public      bool
	Port        int // 6443
}

// Endpoint is a stable API address.
type Endpoint struct {
	ID      string
	Key     string
	Address netip.AddrPort
}

// Capacity is in vCPUs, MiB and GiB. Used is what is promised to machines.
type Capacity struct {
	VCPUs, UsedVCPUs       int
	CPUOvercommit          float64
	MemoryMB, UsedMemoryMB int
	DiskGB, UsedDiskGB     int
}

// Flavor is a machine size.
type Flavor struct {
	ID       string
	Name     string // "m2.c2m4"
	Type     string // NKS's flavor_type: "general", "core", "memory"
	VCPUs    int
	MemoryMB int
	DiskGB   int // 0: the boot volume's size is asked for
}

// Image is a base image that machines boot from.
type Image struct {
	ID         string
	Name       string
	Status     string // "active"
	Visibility string // "public"
	MinDiskGB  int
	MinRAMMB   int
	SizeBytes  int64
	OSDistro   string
	OSVersion  string
	OSType     string // "linux"
	OSArch     string // "amd64"
	LoginUser  string
	Kubernetes bool // usable for nodes
	CreatedAt  time.Time
}

// Volume is a block volume wish.
type Volume struct {
	Type   string // name of a volume type: "General HDD"
	SizeGB int
}

// ExtraVolume is a volume besides the boot volume.
type ExtraVolume struct {
	Volume
	// MountPath is where the machine finds an ext4 file system on it, also
	// after a stop and a start; "" leaves it a blank block device.
	MountPath string
}

// Network is a VPC.
type Network struct {
	ID        string
	Name      string
	ProjectID string
	CIDR      netip.Prefix
	External  bool // router:external: a network attached to the internet
	Shared    bool
	CreatedAt time.Time
}

// Subnet is a subnet of a VPC.
type Subnet struct {
	ID        string
	Name      string
	NetworkID string
	ProjectID string
	CIDR      netip.Prefix
	Gateway   netip.Addr
	// InternetGateway: the subnet's router has one: NAT and DNS for its nodes.
	InternetGateway bool
	External        bool
	Shared          bool
	CreatedAt       time.Time
}

// Keypair is an SSH key of a user.
type Keypair struct {
	Name        string
	ProjectID   string
	UserID      string
	PublicKey   string
	Fingerprint string
	CreatedAt   time.Time
}

// VolumeType is a kind of block volume.
type VolumeType struct {
	ID        string
	Name      string
	Encrypted bool
}

// Zone is an availability zone.
type Zone struct {
	Name      string
	Available bool
}
