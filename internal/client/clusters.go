package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Cluster is what the API shows of a cluster. Raw is the answer as it came,
// with the fields that this client does not know.
type Cluster struct {
	UUID               string            `json:"uuid"`
	Name               string            `json:"name"`
	Status             string            `json:"status"`
	StatusReason       string            `json:"status_reason"`
	APIAddress         string            `json:"api_address"`
	COEVersion         string            `json:"coe_version"`
	NodeCount          int               `json:"node_count"`
	NodeAddresses      []string          `json:"node_addresses"`
	HealthStatus       string            `json:"health_status"`
	HealthStatusReason map[string]any    `json:"health_status_reason"`
	Keypair            string            `json:"keypair"`
	FlavorID           string            `json:"flavor_id"`
	FixedNetwork       string            `json:"fixed_network"`
	FixedSubnet        string            `json:"fixed_subnet"`
	Labels             map[string]string `json:"labels"`
	CreatedAt          *time.Time        `json:"created_at"`
	UpdatedAt          *time.Time        `json:"updated_at"`

	Raw json.RawMessage `json:"-"`
}

// NodeGroup is what the API shows of a node group.
type NodeGroup struct {
	UUID         string            `json:"uuid"`
	Name         string            `json:"name"`
	Role         string            `json:"role"`
	IsDefault    bool              `json:"is_default"`
	NodeCount    int               `json:"node_count"`
	MinNodeCount int               `json:"min_node_count"`
	MaxNodeCount *int              `json:"max_node_count"`
	FlavorID     string            `json:"flavor_id"`
	ImageID      string            `json:"image_id"`
	Status       string            `json:"status"`
	StatusReason string            `json:"status_reason"`
	Version      string            `json:"version"`
	Labels       map[string]string `json:"labels"`

	Raw json.RawMessage `json:"-"`
}

// Event is one operation of a cluster's history.
type Event struct {
	UUID         string     `json:"uuid"`
	ClusterUUID  string     `json:"cluster_uuid"`
	ClusterName  string     `json:"cluster_name"`
	ResourceUUID string     `json:"resource_uuid"`
	ResourceName string     `json:"resource_name"`
	ResourceType string     `json:"resource_type"`
	Type         string     `json:"type"`
	State        string     `json:"state"`
	Contents     string     `json:"contents"`
	CreatedAt    *time.Time `json:"created_at"`
	UpdatedAt    *time.Time `json:"updated_at"`

	Raw json.RawMessage `json:"-"`
}

// one decodes a single object and keeps the answer beside it.
func one[T any](ctx context.Context, c *Client, path string, raw func(*T) *json.RawMessage) (T, error) {
	var v T
	answer, err := c.call(ctx, containerInfra, http.MethodGet, path, nil)
	if err != nil {
		return v, err
	}
	if err := decode(path, answer, &v); err != nil {
		return v, err
	}
	*raw(&v) = answer
	return v, nil
}

// list decodes a list, page by page, with each item's own JSON beside it.
func list[T any](ctx context.Context, c *Client, path, key string, raw func(*T) *json.RawMessage) ([]T, error) {
	all := []T{}
	for next := path; next != ""; {
		answer, err := c.call(ctx, containerInfra, http.MethodGet, next, nil)
		if err != nil {
			return nil, err
		}
		var page map[string]json.RawMessage
		if err := decode(path, answer, &page); err != nil {
			return nil, err
		}
		var items []json.RawMessage
		if err := decode(path, page[key], &items); err != nil {
			return nil, err
		}
		for _, item := range items {
			var v T
			if err := decode(path, item, &v); err != nil {
				return nil, err
			}
			*raw(&v) = item
			all = append(all, v)
		}
		next = ""
		var link string
		if json.Unmarshal(page["next"], &link) == nil && link != "" {
			// The page's link may name another host (a proxy's): only its query counts.
			u, err := url.Parse(link)
			if err != nil {
				return nil, fmt.Errorf("the answer to %s has a broken link to its next page: %w", path, err)
			}
			next = path + "?" + u.RawQuery
		}
	}
	return all, nil
}

func clusterRaw(v *Cluster) *json.RawMessage { return &v.Raw }
func groupRaw(v *NodeGroup) *json.RawMessage { return &v.Raw }
func eventRaw(v *Event) *json.RawMessage     { return &v.Raw }

// Clusters lists the project's clusters.
func (c *Client) Clusters(ctx context.Context) ([]Cluster, error) {
	return list(ctx, c, "/clusters", "clusters", clusterRaw)
}

// Cluster finds a cluster by UUID or name.
func (c *Client) Cluster(ctx context.Context, idOrName string) (Cluster, error) {
	return one(ctx, c, "/clusters/"+url.PathEscape(idOrName), clusterRaw)
}

// CreateCluster sends a create request, the guide's JSON body, and gives the
// new cluster's UUID. The cluster is under way, not yet there.
func (c *Client) CreateCluster(ctx context.Context, body []byte) (string, error) {
	answer, err := c.call(ctx, containerInfra, http.MethodPost, "/clusters", body)
	if err != nil {
		return "", err
	}
	var v struct {
		UUID string `json:"uuid"`
	}
	if err := decode("/clusters", answer, &v); err != nil {
		return "", err
	}
	return v.UUID, nil
}

// DeleteCluster begins to delete a cluster.
func (c *Client) DeleteCluster(ctx context.Context, idOrName string) error {
	_, err := c.call(ctx, containerInfra, http.MethodDelete, "/clusters/"+url.PathEscape(idOrName), nil)
	return err
}

// Kubeconfig gives a cluster's kubeconfig file.
func (c *Client) Kubeconfig(ctx context.Context, idOrName string) (string, error) {
	var v struct {
		Config string `json:"config"`
	}
	err := c.get(ctx, containerInfra, "/clusters/"+url.PathEscape(idOrName)+"/config", &v)
	return v.Config, err
}

// Events gives a cluster's history; clusters are named by UUID only here.
func (c *Client) Events(ctx context.Context, clusterUUID string) ([]Event, error) {
	return list(ctx, c, "/clusters/"+url.PathEscape(clusterUUID)+"/events", "events", eventRaw)
}

// Event gives one operation of a cluster's history.
func (c *Client) Event(ctx context.Context, clusterUUID, uuid string) (Event, error) {
	return one(ctx, c, "/clusters/"+url.PathEscape(clusterUUID)+"/events/"+url.PathEscape(uuid), eventRaw)
}

// NodeGroups lists a cluster's node groups.
func (c *Client) NodeGroups(ctx context.Context, cluster string) ([]NodeGroup, error) {
	return list(ctx, c, "/clusters/"+url.PathEscape(cluster)+"/nodegroups", "nodegroups", groupRaw)
}

// NodeGroup finds a node group of a cluster by UUID or name.
func (c *Client) NodeGroup(ctx context.Context, cluster, idOrName string) (NodeGroup, error) {
	return one(ctx, c, "/clusters/"+url.PathEscape(cluster)+"/nodegroups/"+url.PathEscape(idOrName), groupRaw)
}

// Supports tells, by Kubernetes version, whether clusters of it can be created.
func (c *Client) Supports(ctx context.Context) (map[string]bool, error) {
	var v struct {
		SupportedK8s map[string]bool `json:"supported_k8s"`
	}
	err := c.get(ctx, containerInfra, "/supports", &v)
	return v.SupportedK8s, err
}

// LoadImage sends a container image archive for every present and future node
// of a cluster, and gives the references found in it. It returns when the
// present nodes have it.
func (c *Client) LoadImage(ctx context.Context, cluster string, archive io.Reader) ([]string, error) {
	s, err := c.login(ctx, false)
	if err != nil {
		return nil, err
	}
	base, err := s.endpoint(containerInfra)
	if err != nil {
		return nil, err
	}
	path := "/clusters/" + url.PathEscape(cluster) + "/images"
	answer, _, err := c.send(ctx, request{method: http.MethodPut, url: base + path, upload: archive, token: s.token})
	if err != nil {
		return nil, err
	}
	var v struct {
		Images []string `json:"images"`
	}
	err = decode(path, answer, &v)
	return v.Images, err
}
