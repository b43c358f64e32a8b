package kube

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// NodeMarks are what users have put on a Node object. What its kubelet, the
// CNI and Kubernetes' controllers put there, they put there again.
type NodeMarks struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Taints      []any             `json:"taints,omitempty"` // as they stand in the Node object
	Cordoned    bool              `json:"cordoned,omitempty"`
}

// Empty tells whether there is nothing to remember.
func (m NodeMarks) Empty() bool {
	return len(m.Labels) == 0 && len(m.Annotations) == 0 && len(m.Taints) == 0 && !m.Cordoned
}

// Beginnings of the keys that are not users'.
var (
	labelsOfNodes = []string{
		"beta.kubernetes.io/", "kubernetes.io/arch", "kubernetes.io/hostname", "kubernetes.io/os", "magnum.openstack.org/",
		"node.kubernetes.io/instance-type", "topology.kubernetes.io/region", "topology.kubernetes.io/zone",
	}
	annotationsOfNodes = []string{
		"csi.volume.kubernetes.io/", "flannel.alpha.coreos.com/", "hanok/", "node.alpha.kubernetes.io/", "volumes.kubernetes.io/",
	}
	taintsOfNodes = []string{"node.kubernetes.io/", "node.cloudprovider.kubernetes.io/"}
)

// NodeMarks gives what users have put on a node; nothing where it is not there.
func (c *Client) NodeMarks(ctx context.Context, name string) (NodeMarks, error) {
	n, err := c.dynamic.Resource(nodesResource).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return NodeMarks{}, nil
	}
	if err != nil {
		return NodeMarks{}, fmt.Errorf("reading node %s: %w", name, err)
	}
	_, ours := n.GetAnnotations()[cordoned]
	return NodeMarks{
		Labels:      without(n.GetLabels(), labelsOfNodes),
		Annotations: without(n.GetAnnotations(), annotationsOfNodes),
		Taints: slices.DeleteFunc(taintsOf(n), func(taint any) bool {
			key, _ := identity(taint)
			return beginsWith(key, taintsOfNodes)
		}),
		Cordoned: unschedulable(n) && !ours,
	}, nil
}

// MarkNode puts marks on a node as soon as it is registered, beside those that
// it has; of a label or annotation that it has it keeps its own value.
func (c *Client) MarkNode(ctx context.Context, name string, m NodeMarks) error {
	there := false
	note := func(n *unstructured.Unstructured) { there = there || n.GetName() == name }
	if err := c.watchUntil(ctx, note, func() bool { return there }); err != nil {
		return fmt.Errorf("marking node %s: %w", name, err)
	}
	return c.patchNode(ctx, name, func(n *unstructured.Unstructured) map[string]any {
		meta := map[string]any{"labels": absent(m.Labels, n.GetLabels()), "annotations": absent(m.Annotations, n.GetAnnotations())}
		taints := taintsOf(n)
		for _, taint := range m.Taints {
			key, effect := identity(taint)
			if !slices.ContainsFunc(taints, func(t any) bool {
				k, e := identity(t)
				return k == key && e == effect
			}) {
				taints = append(taints, taint)
			}
		}
		spec := map[string]any{"taints": taints}
		if m.Cordoned {
			spec["unschedulable"] = true
		}
		return nodePatch(meta, spec)
	})
}

func taintsOf(n *unstructured.Unstructured) []any {
	taints, _, _ := unstructured.NestedSlice(n.Object, "spec", "taints")
	return taints
}

// identity is what makes two taints the same one.
func identity(taint any) (key, effect string) {
	m, _ := taint.(map[string]any)
	key, _ = m["key"].(string)
	effect, _ = m["effect"].(string)
	return key, effect
}

func beginsWith(key string, beginnings []string) bool {
	return slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(key, b) })
}

func without(all map[string]string, beginnings []string) map[string]string {
	kept := maps.Clone(all)
	maps.DeleteFunc(kept, func(key, _ string) bool { return beginsWith(key, beginnings) })
	return kept
}

// absent gives what of wanted is not there.
func absent(wanted, there map[string]string) map[string]any {
	missing := map[string]any{}
	for key, value := range wanted {
		if _, has := there[key]; !has {
			missing[key] = value
		}
	}
	return missing
}
