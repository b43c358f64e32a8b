package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// CoreDNS as internal/kube/addons/coredns.yaml makes it.
const (
	dnsNamespace  = "kube-system"
	dnsDeployment = "coredns"
	// dnsReplicas is the annotation that holds the replicas that hanok set
	// last. Where the Deployment has another number, a user chose it.
	dnsReplicas = "hanok/replicas"
)

var deploymentsResource = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}

// DNSReplicas gives how many replicas CoreDNS has in a cluster where so many
// nodes take it: two survive the loss of a node; on one node the second would
// only cost memory.
func DNSReplicas(nodes int) int { return min(2, max(1, nodes)) }

// ScaleDNS sets the replicas of CoreDNS. It leaves a number alone that a user
// chose, and a Deployment that is not hanok's; one that was deleted is no
// error. Safe to call again.
func (c *Client) ScaleDNS(ctx context.Context, replicas int) error {
	for {
		d, err := c.dns(ctx)
		if err != nil || d == nil {
			return err
		}
		now := strconv.FormatInt(wantedReplicas(d), 10)
		if now != d.GetAnnotations()[dnsReplicas] || now == strconv.Itoa(replicas) {
			return nil
		}
		patch, err := json.Marshal(map[string]any{
			"metadata": map[string]any{
				// What was looked at is what is changed.
				"resourceVersion": d.GetResourceVersion(),
				"annotations":     map[string]any{dnsReplicas: strconv.Itoa(replicas)},
			},
			"spec": map[string]any{"replicas": replicas},
		})
		if err != nil {
			return err
		}
		_, err = c.dynamic.Resource(deploymentsResource).Namespace(dnsNamespace).
			Patch(ctx, dnsDeployment, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager})
		switch {
		case apierrors.IsConflict(err):
			continue // its status changes whenever a pod does
		case err != nil && !apierrors.IsNotFound(err):
			return fmt.Errorf("scaling CoreDNS to %d: %w", replicas, err)
		}
		return nil
	}
}

// dnsPause is between two looks at CoreDNS while it is waited for.
const dnsPause = 100 * time.Millisecond

// WaitDNS returns when as many replicas of CoreDNS serve as DNSReplicas would
// give at most, or as there are to be where those are fewer. The error of a
// context that ended says how many do.
func (c *Client) WaitDNS(ctx context.Context) error {
	var last error
	for {
		d, err := c.dns(ctx)
		if err == nil && d == nil {
			return nil
		}
		if err == nil {
			want := min(wantedReplicas(d), 2)
			serve, _, _ := unstructured.NestedInt64(d.Object, "status", "availableReplicas")
			seen, _, _ := unstructured.NestedInt64(d.Object, "status", "observedGeneration")
			if seen >= d.GetGeneration() && serve >= want {
				return nil
			}
			err = fmt.Errorf("%d of %d replicas of CoreDNS serve", serve, want)
		}
		if last == nil || ctx.Err() == nil { // the end of ctx says nothing of CoreDNS
			last = err
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(dnsPause):
		}
	}
}

// dns gives the Deployment of CoreDNS, nil where there is none.
func (c *Client) dns(ctx context.Context) (*unstructured.Unstructured, error) {
	d, err := c.dynamic.Resource(deploymentsResource).Namespace(dnsNamespace).Get(ctx, dnsDeployment, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading CoreDNS: %w", err)
	}
	return d, nil
}

func wantedReplicas(d *unstructured.Unstructured) int64 {
	n, _, _ := unstructured.NestedInt64(d.Object, "spec", "replicas")
	return n
}
