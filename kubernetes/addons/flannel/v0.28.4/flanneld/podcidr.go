package main

import (
	"context"
	"net/url"

	log "k8s.io/klog/v2"
)

// claimPodCIDR gives this node its pod CIDR whenever Kubernetes shows it
// without one: when it is new, and when it was registered again. Upstream's
// own allocator would do; but it begins by sleeping ten seconds, and all
// controllers after it wait with it. A pod CIDR that is set is never changed.
func (m *manager) claimPodCIDR(ctx context.Context, cidr string) {
	for trouble := newTrouble(); ; {
		if _, err := m.waitOwn(ctx, func(n node) bool { return n.Spec.PodCIDR == "" }); err != nil {
			return
		}
		if err := m.api.setPodCIDR(ctx, m.nodeName, cidr); err != nil && ctx.Err() == nil {
			log.Warningf("Claiming the pod CIDR %s: %v", cidr, err)
			wait(ctx, trouble.pause())
			continue
		}
		if _, err := m.waitOwn(ctx, func(n node) bool { return n.Spec.PodCIDR != "" }); err != nil {
			return
		}
	}
}

func (c *apiClient) setPodCIDR(ctx context.Context, name, cidr string) error {
	return c.patch(ctx, "/api/v1/nodes/"+url.PathEscape(name), map[string]any{
		"spec": map[string]any{"podCIDR": cidr, "podCIDRs": []string{cidr}},
	})
}

// patchStatus merges patch into the node's status and metadata.
func (c *apiClient) patchStatus(ctx context.Context, name string, patch any) error {
	return c.patch(ctx, "/api/v1/nodes/"+url.PathEscape(name)+"/status", patch)
}
