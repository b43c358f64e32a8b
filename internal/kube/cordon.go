package kube

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// cordoned is the annotation of nodes that hanok has cordoned. One that is
// unschedulable without it was cordoned by a user, and stays so.
const cordoned = "hanok/cordoned"

// Cordon keeps new pods off a node. A node that is not there is success.
func (c *Client) Cordon(ctx context.Context, name string) error {
	return c.patchNode(ctx, name, func(n *unstructured.Unstructured) map[string]any {
		if unschedulable(n) {
			return nil
		}
		return nodePatch(map[string]any{"annotations": map[string]any{cordoned: "true"}}, map[string]any{"unschedulable": true})
	})
}

// Uncordon lets pods onto a node again that Cordon has kept them off. A node
// that is not there is success.
func (c *Client) Uncordon(ctx context.Context, name string) error {
	return c.patchNode(ctx, name, func(n *unstructured.Unstructured) map[string]any {
		if _, ours := n.GetAnnotations()[cordoned]; !ours {
			return nil
		}
		return nodePatch(map[string]any{"annotations": map[string]any{cordoned: nil}}, map[string]any{"unschedulable": nil})
	})
}

func unschedulable(n *unstructured.Unstructured) bool {
	on, _, _ := unstructured.NestedBool(n.Object, "spec", "unschedulable")
	return on
}

func nodePatch(meta, spec map[string]any) map[string]any {
	return map[string]any{"metadata": meta, "spec": spec}
}

// patchNode changes a node by what it looks like: change gives a merge patch
// with metadata, or nil where nothing is to be done. A node that is not there
// is success.
func (c *Client) patchNode(ctx context.Context, name string, change func(*unstructured.Unstructured) map[string]any) error {
	nodes := c.dynamic.Resource(nodesResource)
	for {
		n, err := nodes.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading node %s: %w", name, err)
		}
		change := change(n)
		if change == nil {
			return nil
		}
		// What was looked at is what is changed.
		change["metadata"].(map[string]any)["resourceVersion"] = n.GetResourceVersion()
		patch, err := json.Marshal(change)
		if err != nil {
			return err
		}
		_, err = nodes.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager})
		switch {
		case apierrors.IsConflict(err):
			continue // its kubelet has reported meanwhile
		case err != nil && !apierrors.IsNotFound(err):
			return fmt.Errorf("changing node %s: %w", name, err)
		}
		return nil
	}
}
