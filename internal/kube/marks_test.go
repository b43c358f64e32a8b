package kube

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"
)

func containsAll(s string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

const markedNode = `{
	"metadata": {
		"labels": {
			"beta.kubernetes.io/os": "linux", "kubernetes.io/hostname": "n-0", "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux",
			"magnum.openstack.org/nodegroup": "default-worker", "node.kubernetes.io/instance-type": "m2.c2m4",
			"topology.kubernetes.io/zone": "a", "topology.kubernetes.io/region": "r",
			"team": "blue", "node-role.kubernetes.io/gpu": ""
		},
		"annotations": {"flannel.alpha.coreos.com/public-ip": "10.0.0.2", "node.alpha.kubernetes.io/ttl": "0",
			"volumes.kubernetes.io/controller-managed-attach-detach": "true", "example.com/note": "x", "hanok/cordoned": "true"}
	},
	"spec": {"unschedulable": true, "taints": [
		{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
		{"key": "gpu", "value": "a100", "effect": "NoSchedule"}
	]}
}`

func TestNodeMarks(t *testing.T) {
	t.Parallel()
	a, c := newNodeAPI(t)
	a.set(t, markedNode)
	m, err := c.NodeMarks(t.Context(), "n-0")
	want := NodeMarks{
		Labels:      map[string]string{"team": "blue", "node-role.kubernetes.io/gpu": ""},
		Annotations: map[string]string{"example.com/note": "x"},
		Taints:      []any{map[string]any{"key": "gpu", "value": "a100", "effect": "NoSchedule"}},
	}
	if err != nil || !reflect.DeepEqual(m, want) || m.Empty() {
		t.Errorf("marks %+v, %v", m, err)
	}
	a.set(t, `{"spec": {"unschedulable": true}}`)
	if m, err := c.NodeMarks(t.Context(), "n-0"); err != nil || !m.Cordoned {
		t.Errorf("cordoned by a user: %+v, %v", m, err)
	}
	if m, err := c.NodeMarks(t.Context(), "gone"); err != nil || !m.Empty() {
		t.Errorf("a node that is not there: %+v, %v", m, err)
	}
}

// TestMarkNode: the marks come as soon as the node is registered, and its own
// values stay.
func TestMarkNode(t *testing.T) {
	t.Parallel()
	a, c := newNodeAPI(t)
	marks := NodeMarks{
		Labels:      map[string]string{"team": "blue", "size": "old"},
		Annotations: map[string]string{"example.com/note": "x"},
		Taints:      []any{map[string]any{"key": "gpu", "value": "a100", "effect": "NoSchedule"}},
		Cordoned:    true,
	}
	done := make(chan error, 1)
	go func() { done <- c.MarkNode(t.Context(), "n-0", marks) }()
	<-a.watching
	a.set(t, `{"metadata": {"labels": {"size": "new"}}, "spec": {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]}}`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := c.MarkNode(t.Context(), "n-0", marks); err != nil { // safe to repeat
		t.Fatal(err)
	}
	annotations, labels, spec := a.now()
	if !reflect.DeepEqual(labels, map[string]string{"team": "blue", "size": "new"}) || annotations["example.com/note"] != "x" {
		t.Errorf("labels %v, annotations %v", labels, annotations)
	}
	taints, _ := spec["taints"].([]any)
	if spec["unschedulable"] != true || len(taints) != 2 || !reflect.DeepEqual(taints[1], marks.Taints[0]) {
		t.Errorf("spec %v", spec)
	}
	// A user's cordon is no less one for having been put back.
	if m, err := c.NodeMarks(t.Context(), "n-0"); err != nil || !m.Cordoned {
		t.Errorf("%+v, %v", m, err)
	}
	_, never := newNodeAPI(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := never.MarkNode(ctx, "n-0", marks); err == nil || !strings.Contains(err.Error(), "n-0") {
		t.Errorf("a node that never comes: %v", err)
	}
}
