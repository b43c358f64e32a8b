package hanok

import "time"

// TemplateName is the only cluster template (guide, "Create a Cluster":
// cluster_template_id must be "iaas_console"); TemplateUUID is what clusters
// report for it.
const (
	TemplateName = "iaas_console"
	TemplateUUID = "6b1c0d52-3f0e-5c0c-9d0a-2f6a4b0f7a11"
)

// Cluster is one Kubernetes cluster: a control plane and its node groups.
type Cluster struct {
	UUID         string
	Name         string // may repeat within a project; a look-up by such a name is a conflict
	ProjectID    string
	UserID       string // who created it
	Keypair      string // name of the key pair of the default worker group
	FlavorID     string // of the default worker group
	FixedNetwork string // VPC UUID
	FixedSubnet  string // subnet UUID
	// CreateTimeout bounds the create operation, in minutes.
	CreateTimeout int
	// DiscoveryURL and MasterCount are echoed only (older guide); nil when not sent.
	DiscoveryURL *string
	MasterCount  *int
	// Labels are what the user sent, in string form, and what operations changed since.
	// See labels.go for the typed reading of them.
	Labels       map[string]string
	Version      string // Kubernetes version of the control plane, "v1.30.3"
	StackID      string // a stable UUID standing for Heat's stack
	Status       Status
	StatusReason string // "" is null on the wire
	// APIAddress is the endpoint's URL, "https://198.18.2.9:6443"; "" until known.
	APIAddress   string
	HealthStatus HealthStatus // "" is null on the wire
	HealthReason map[string]string
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Group roles and names with a fixed meaning.
const (
	RoleWorker         = "worker"
	RoleMaster         = "master"
	DefaultWorkerGroup = "default-worker"
	DefaultMasterGroup = "default-master" // addressed in upgrades only; never listed
)

// NodeGroup is a set of like worker nodes.
type NodeGroup struct {
	ID           int64 // integer id that old clients decode
	UUID         string
	ClusterUUID  string
	ProjectID    string
	Name         string // unique within the cluster
	Role         string // RoleWorker
	IsDefault    bool
	FlavorID     string
	ImageID      string
	Keypair      string
	NodeCount    int // wanted number of nodes
	MinNodeCount int
	MaxNodeCount *int
	Labels       map[string]string
	Version      string
	StackID      string
	Status       Status
	StatusReason string
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// NodeStatus is the life-cycle state of a node's machine (Nova's words).
type NodeStatus string

// The node statuses.
const (
	NodeBuild   NodeStatus = "BUILD"   // recorded, its machine is being made
	NodeActive  NodeStatus = "ACTIVE"  // machine runs
	NodeShutoff NodeStatus = "SHUTOFF" // machine stopped, volumes kept
	NodeDeleted NodeStatus = "DELETED" // machine is being removed for good, or is gone
	NodeError   NodeStatus = "ERROR"
)

// Node is one machine of a cluster: a worker, or a control-plane member.
type Node struct {
	// Key is hanok's own name of the machine, recorded before it is asked for.
	Key string
	// UUID is the machine's UUID that the driver chose: the node UUID of the
	// API, providerID and systemUUID of Kubernetes. "" until the driver answered.
	UUID          string
	ClusterUUID   string
	NodeGroupUUID string // "" for a control-plane member
	ProjectID     string
	Role          string // RoleWorker or RoleMaster
	Name          string // host name and Kubernetes node name
	FlavorID      string
	ImageID       string
	PortID        string // driver's id of its port; "" until made
	Address       string // primary IP; "" until known
	PodCIDR       string // a worker's part of the cluster's pod network; no other node of the cluster has it
	Status        NodeStatus
	// Version is the Kubernetes version that the machine is to run.
	Version   string
	CreatedAt time.Time
	UpdatedAt time.Time
}
