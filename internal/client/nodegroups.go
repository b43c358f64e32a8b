package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

func groupPath(cluster, group string) string {
	return "/clusters/" + url.PathEscape(cluster) + "/nodegroups/" + url.PathEscape(group)
}

// CreateNodeGroup sends a request for a node group, the guide's JSON body,
// and gives the group, which is under way.
func (c *Client) CreateNodeGroup(ctx context.Context, cluster string, body []byte) (NodeGroup, error) {
	var g NodeGroup
	path := "/clusters/" + url.PathEscape(cluster) + "/nodegroups"
	answer, err := c.call(ctx, containerInfra, http.MethodPost, path, body)
	if err != nil {
		return g, err
	}
	g.Raw = answer
	return g, decode(path, answer, &g)
}

// DeleteNodeGroup begins to delete a node group.
func (c *Client) DeleteNodeGroup(ctx context.Context, cluster, group string) error {
	_, err := c.call(ctx, containerInfra, http.MethodDelete, groupPath(cluster, group), nil)
	return err
}

// Resize begins to bring a node group to a number of nodes; group "" is the
// default one. remove are the UUIDs of the nodes that shall go.
func (c *Client) Resize(ctx context.Context, cluster, group string, count int, remove []string) error {
	request := map[string]any{"node_count": count}
	if group != "" {
		request["nodegroup"] = group
	}
	if len(remove) > 0 {
		request["nodes_to_remove"] = remove
	}
	return c.post(ctx, "/clusters/"+url.PathEscape(cluster)+"/actions/resize", request)
}

// StopNodes begins to stop nodes of a group, by UUID.
func (c *Client) StopNodes(ctx context.Context, cluster, group string, nodes []string) error {
	return c.post(ctx, groupPath(cluster, group)+"/stop_node", map[string]any{"node_list": strings.Join(nodes, ":")})
}

// StartNodes begins to start stopped nodes of a group, by UUID.
func (c *Client) StartNodes(ctx context.Context, cluster, group string, nodes []string) error {
	return c.post(ctx, groupPath(cluster, group)+"/start_node", map[string]any{"node_list": strings.Join(nodes, ":")})
}

func (c *Client) post(ctx context.Context, path string, request any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	_, err = c.call(ctx, containerInfra, http.MethodPost, path, body)
	return err
}

// WaitOperation follows the newest operation of a type on a node group (UUID
// or name) until it has ended, and tells seen of each change. One that failed
// is a *FailedError.
func (c *Client) WaitOperation(ctx context.Context, clusterUUID, eventType, group string, seen func(Progress)) error {
	return c.follow(ctx, clusterUUID, eventType, seen, func() (bool, error) {
		events, err := c.Events(ctx, clusterUUID)
		if err != nil {
			return false, err
		}
		for _, e := range events { // newest first
			if e.Type != eventType || (e.ResourceUUID != group && e.ResourceName != group) {
				continue
			}
			switch e.State {
			case "SUCCESS":
				return true, nil
			case "FAIL":
				return true, &FailedError{What: "node group", Cluster: e.ResourceName, Status: e.Type + " " + e.State, Reason: e.Contents}
			}
			return false, nil
		}
		return true, fmt.Errorf("the cluster's events have no %s of node group %s", eventType, group)
	})
}
