package operator

import (
	"context"
	"net/http"
	"time"

	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/machine"
)

// Node is a node as operators see it: what it should be, and what its agent
// says that it is.
type Node struct {
	UUID         string `json:"uuid"` // also the machine's id on this host; "" while it has none
	Name         string `json:"name"`
	Role         string `json:"role"`
	Cluster      string `json:"cluster"` // name
	ClusterUUID  string `json:"cluster_uuid"`
	NodeGroup    string `json:"nodegroup,omitempty"` // name
	Status       string `json:"status"`              // on record
	Machine      string `json:"machine"`             // as the driver finds it
	Fault        string `json:"fault,omitempty"`
	Address      string `json:"address"`
	PodCIDR      string `json:"pod_cidr,omitempty"`
	Flavor       string `json:"flavor_id"`
	Version      string `json:"version"` // of Kubernetes
	Installation string `json:"installation"`
	// Report is the agent's last one, nil while there is none since the
	// service started.
	Report     *machine.Report `json:"report,omitempty"`
	ReportedAt *time.Time      `json:"reported_at,omitempty"`
}

// Inspect looks at a node by its UUID or name.
type Inspect func(ctx context.Context, nameOrUUID string) (Node, error)

func showNode(inspect Inspect) func(w http.ResponseWriter, r *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		n, err := inspect(r.Context(), r.PathValue("node"))
		if err == nil {
			respond.JSON(w, http.StatusOK, n)
		}
		return err
	}
}
