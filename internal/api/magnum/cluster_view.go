package magnum

import (
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

// clusterSummary is a cluster in a list. Fields that only the older guide or
// Magnum's clients know are there too, null where they mean nothing here.
type clusterSummary struct {
	UUID              string            `json:"uuid"`
	Name              string            `json:"name"`
	ClusterTemplateID string            `json:"cluster_template_id"`
	Keypair           string            `json:"keypair"`
	FlavorID          string            `json:"flavor_id"`
	MasterFlavorID    *string           `json:"master_flavor_id"`
	NodeCount         int               `json:"node_count"`
	MasterCount       *int              `json:"master_count"`
	DockerVolumeSize  *int              `json:"docker_volume_size"`
	Labels            map[string]string `json:"labels"`
	CreateTimeout     int               `json:"create_timeout"`
	StackID           string            `json:"stack_id"`
	Status            hanok.Status      `json:"status"`
	HealthStatus      *string           `json:"health_status"`
	Links             []link            `json:"links"`
}

// clusterDetail is a cluster by itself.
type clusterDetail struct {
	clusterSummary
	APIAddress         *string           `json:"api_address"`
	COEVersion         string            `json:"coe_version"`
	ContainerVersion   *string           `json:"container_version"`
	CreatedAt          *string           `json:"created_at"`
	UpdatedAt          *string           `json:"updated_at"`
	DiscoveryURL       *string           `json:"discovery_url"`
	FixedNetwork       string            `json:"fixed_network"`
	FixedSubnet        string            `json:"fixed_subnet"`
	FloatingIPEnabled  bool              `json:"floating_ip_enabled"`
	HealthStatusReason map[string]string `json:"health_status_reason"`
	NodeAddresses      []string          `json:"node_addresses"`
	MasterAddresses    []string          `json:"master_addresses"` // control planes are the service's own affair
	ProjectID          string            `json:"project_id"`
	UserID             string            `json:"user_id"`
	StatusReason       *string           `json:"status_reason"`
}

// summarize gives the list form of a cluster; nodeCount is the sum over its groups.
func summarize(r *http.Request, c hanok.Cluster, nodeCount int) clusterSummary {
	return clusterSummary{
		UUID: c.UUID, Name: c.Name, ClusterTemplateID: hanok.TemplateUUID, Keypair: c.Keypair, FlavorID: c.FlavorID,
		NodeCount: nodeCount, MasterCount: c.MasterCount, Labels: c.ShownLabels(), CreateTimeout: c.CreateTimeout,
		StackID: c.StackID, Status: c.Status, HealthStatus: orNull(string(c.HealthStatus)), Links: links(r, "/clusters/"+c.UUID),
	}
}

// detail reads what a cluster's own view needs beyond its record.
func detail(r *http.Request, tx store.Tx, c hanok.Cluster) (clusterDetail, error) {
	count, err := tx.WorkerCount(c.UUID)
	if err != nil {
		return clusterDetail{}, err
	}
	addresses, err := workerAddresses(tx, c.UUID, "")
	if err != nil {
		return clusterDetail{}, err
	}
	reason := c.HealthReason
	if reason == nil {
		reason = map[string]string{}
	}
	return clusterDetail{
		clusterSummary: summarize(r, c, count),
		APIAddress:     orNull(c.APIAddress), COEVersion: c.Version,
		CreatedAt: timestamp(c.CreatedAt), UpdatedAt: timestamp(c.UpdatedAt), DiscoveryURL: c.DiscoveryURL,
		FixedNetwork: c.FixedNetwork, FixedSubnet: c.FixedSubnet, HealthStatusReason: reason,
		NodeAddresses: addresses, MasterAddresses: []string{}, ProjectID: c.ProjectID, UserID: c.UserID,
		StatusReason: orNull(c.StatusReason),
	}, nil
}

// workerAddresses lists the known addresses of a group's nodes; group "" is all groups.
func workerAddresses(tx store.Tx, cluster, group string) ([]string, error) {
	addresses, err := tx.WorkerAddresses(cluster, group)
	if addresses == nil {
		addresses = []string{} // not null
	}
	return addresses, err
}
