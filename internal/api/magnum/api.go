// Package magnum speaks the container-infra API: Magnum's v1 in the form that
// NHN Kubernetes Service gave it. It translates between HTTP and the engine,
// reads the store, and decides nothing itself.
package magnum

import (
	"context"
	"io"
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// Engine carries out operations. Errors are of package hanok's kinds.
type Engine interface {
	// CreateCluster begins to make a cluster, and gives it back with its UUID
	// and status once all of it is durable.
	CreateCluster(ctx context.Context, plan *admission.ClusterPlan) (hanok.Cluster, error)
	// DeleteCluster begins to delete a cluster; success when that is under way.
	DeleteCluster(ctx context.Context, clusterUUID string) error
	// Kubeconfig gives an administrator's kubeconfig.
	Kubeconfig(ctx context.Context, clusterUUID string) (string, error)
	// CA gives the certificate of the cluster's Kubernetes authority, PEM.
	CA(ctx context.Context, clusterUUID string) ([]byte, error)
	// SignCertificate gives a client certificate, PEM, for a signing request.
	SignCertificate(ctx context.Context, clusterUUID string, request []byte) ([]byte, error)
	// ChangeFlavor begins to give a group's nodes another flavor.
	ChangeFlavor(ctx context.Context, clusterUUID, group string, plan *admission.FlavorPlan) (hanok.NodeGroup, error)
	// SetUserScript changes the script of a group's later nodes; group is its
	// UUID or name.
	SetUserScript(ctx context.Context, clusterUUID, group, script string) (hanok.NodeGroup, error)
	// CreateNodeGroup begins to make a group, and gives it back complete.
	CreateNodeGroup(ctx context.Context, clusterUUID string, plan *admission.GroupPlan) (hanok.NodeGroup, error)
	// DeleteNodeGroup begins to delete a group; success when that is under way.
	// Here and below a group is named by UUID or name.
	DeleteNodeGroup(ctx context.Context, clusterUUID, group string) error
	// Resize begins to bring a group to a number of nodes.
	Resize(ctx context.Context, clusterUUID string, plan *admission.ResizePlan) (hanok.NodeGroup, error)
	// SetBounds changes between how many nodes a group may scale itself, at once.
	SetBounds(ctx context.Context, clusterUUID, group string, plan *admission.BoundsPlan) (hanok.NodeGroup, error)
	// StopNodes and StartNodes begin to stop and to start nodes by UUID.
	StopNodes(ctx context.Context, clusterUUID, group string, nodes []string) (hanok.NodeGroup, error)
	StartNodes(ctx context.Context, clusterUUID, group string, nodes []string) (hanok.NodeGroup, error)
	// LoadImage keeps an image archive for every present and future node, and
	// gives the names of the images in it.
	LoadImage(ctx context.Context, clusterUUID string, archive io.Reader) ([]string, error)
}

// Config is what the API stands on. All but the settings must be set.
type Config struct {
	Store     store.Store
	Engine    Engine
	Catalogue infra.Catalogue
	Identity  infra.Identity
	// Bundles gives the Kubernetes versions that a bundle is on disk of.
	Bundles func() []string
	// Projects tells whether a project exists that an administrator names;
	// nil where the identity service cannot tell.
	Projects infra.Projects
	// MaxImageBytes bounds an image archive; 0 is 8 GiB.
	MaxImageBytes int64
}

// api holds the handlers.
type api struct{ Config }

const defaultMaxImageBytes = 8 << 30

// New gives the handler of "/", "/v1" and everything under it. Safe for use
// by many requests at once.
func New(c Config) http.Handler {
	if c.MaxImageBytes == 0 {
		c.MaxImageBytes = defaultMaxImageBytes
	}
	a := &api{c}
	return a.handler()
}
