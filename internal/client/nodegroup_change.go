package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// FlavorChange asks for another flavor of a group's nodes.
type FlavorChange struct {
	FlavorID string
	// Buffers are nodes that are added for the time of it; nil leaves it to
	// the service.
	Buffers *int
	// MaxUnavailable is how many nodes are changed at a time; 0 is one.
	MaxUnavailable int
}

// ChangeFlavor begins to change the flavor of a group's nodes.
func (c *Client) ChangeFlavor(ctx context.Context, cluster, group string, change FlavorChange) error {
	request := map[string]any{"type": "flavor_id", "flavor_id": change.FlavorID}
	if change.Buffers != nil {
		request["num_buffer_nodes"] = *change.Buffers
	}
	if change.MaxUnavailable > 0 {
		request["num_max_unavailable_nodes"] = change.MaxUnavailable
	}
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	_, err = c.call(ctx, containerInfra, http.MethodPatch, groupPath(cluster, group), body)
	return err
}

// SetUserScript changes the user script of a group's later nodes; "" takes it
// away.
func (c *Client) SetUserScript(ctx context.Context, cluster, group, script string) error {
	return c.post(ctx, groupPath(cluster, group)+"/userscript", map[string]any{"contents": script})
}
