package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var podsResource = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

// Pauses of a drain, and how long after its time a pod counts as gone: its
// kubelet is dead then and will never say so.
const (
	drainPauseFirst = 100 * time.Millisecond
	drainPauseLast  = time.Second
	overdue         = 15 * time.Second
)

// DrainError says which pods did not leave a node in time, and why.
type DrainError struct {
	Node  string
	Stays []string // "namespace/name (reason)"
	Err   error    // of the last look at the pods, where that failed
}

// Error names the pods.
func (e *DrainError) Error() string {
	switch {
	case len(e.Stays) > 0:
		return fmt.Sprintf("pods do not leave node %s: %s", e.Node, strings.Join(e.Stays, "; "))
	case e.Err != nil:
		return fmt.Sprintf("node %s cannot be drained: %v", e.Node, e.Err)
	}
	return fmt.Sprintf("node %s is not drained", e.Node)
}

// Unwrap gives the cause.
func (e *DrainError) Unwrap() error { return e.Err }

// Drain evicts the pods of a node, as their PodDisruptionBudgets allow, and
// returns when they are gone. Pods of DaemonSets, static pods and pods that
// have ended stay. When ctx ends first, the error is a *DrainError. say is
// told what the drain waits for.
func (c *Client) Drain(ctx context.Context, node string, say func(string)) error {
	pause := drainPauseFirst
	last := &DrainError{Node: node}
	for {
		pods, err := c.evictable(ctx, node)
		if err == nil && len(pods) == 0 {
			return nil
		}
		if ctx.Err() != nil {
			return last
		}
		now := &DrainError{Node: node, Err: err}
		for i := range pods {
			if why := c.evict(ctx, &pods[i]); why != "" && ctx.Err() == nil {
				now.Stays = append(now.Stays, fmt.Sprintf("%s/%s (%s)", pods[i].GetNamespace(), pods[i].GetName(), why))
			}
		}
		if ctx.Err() != nil && len(now.Stays) == 0 {
			return last
		}
		last = now
		if err != nil {
			say(err.Error())
		} else {
			say(fmt.Sprintf("%d pods on it", len(pods)))
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(pause):
		}
		pause = min(pause*3/2, drainPauseLast)
	}
}

// evictable lists the pods of a node that a drain has to wait for.
func (c *Client) evictable(ctx context.Context, node string) ([]unstructured.Unstructured, error) {
	list, err := c.podsOf(ctx, node)
	if err != nil {
		return nil, err
	}
	var pods []unstructured.Unstructured
	for _, p := range list {
		if mustLeave(&p, time.Now()) {
			pods = append(pods, p)
		}
	}
	return pods, nil
}

func (c *Client) podsOf(ctx context.Context, node string) ([]unstructured.Unstructured, error) {
	list, err := c.dynamic.Resource(podsResource).List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		return nil, fmt.Errorf("listing the pods of node %s: %w", node, err)
	}
	return list.Items, nil
}

// mustLeave tells whether a drain waits for a pod.
func mustLeave(p *unstructured.Unstructured, now time.Time) bool {
	if _, static := p.GetAnnotations()["kubernetes.io/config.mirror"]; static {
		return false
	}
	if owner := metav1.GetControllerOf(p); owner != nil && owner.Kind == "DaemonSet" {
		return false
	}
	if phase, _, _ := unstructured.NestedString(p.Object, "status", "phase"); phase == "Succeeded" || phase == "Failed" {
		return false
	}
	// The deletion's time is the request's plus the pod's grace period.
	if deleted := p.GetDeletionTimestamp(); deleted != nil && now.Sub(deleted.Time) > overdue {
		return false
	}
	return true
}

// evict asks a pod to leave, unless it is leaving, and tells why it stays; ""
// where it goes. The API's client would wait by itself when told to ask again
// later, and nothing could be said meanwhile: so this is a request of our own.
func (c *Client) evict(ctx context.Context, p *unstructured.Unstructured) string {
	if p.GetDeletionTimestamp() != nil {
		return "it has not ended yet"
	}
	body, err := json.Marshal(map[string]any{
		"apiVersion": "policy/v1", "kind": "Eviction",
		"metadata":      map[string]any{"name": p.GetName(), "namespace": p.GetNamespace()},
		"deleteOptions": map[string]any{"preconditions": map[string]any{"uid": p.GetUID()}},
	})
	if err != nil {
		return err.Error()
	}
	address := fmt.Sprintf("%s/api/v1/namespaces/%s/pods/%s/eviction", c.server, url.PathEscape(p.GetNamespace()), url.PathEscape(p.GetName()))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	switch {
	case res.StatusCode < 300, res.StatusCode == http.StatusNotFound, res.StatusCode == http.StatusConflict:
		return "" // gone, or another pod of its name: the next look tells
	}
	var status metav1.Status
	if json.Unmarshal(answer, &status) != nil || status.Message == "" {
		return "eviction answers " + res.Status
	}
	why := status.Message
	if status.Details != nil {
		for _, cause := range status.Details.Causes {
			if cause.Message != "" {
				why = strings.TrimSuffix(why, ".") + ": " + cause.Message
			}
		}
	}
	return why
}

// DeletePodsOf removes the pods of a node whose machine is gone or off from
// the API, at once: nobody is left to end them in order.
func (c *Client) DeletePodsOf(ctx context.Context, node string) error {
	pods, err := c.podsOf(ctx, node)
	if err != nil {
		return err
	}
	now := int64(0)
	for _, p := range pods {
		uid := p.GetUID()
		err := c.dynamic.Resource(podsResource).Namespace(p.GetNamespace()).Delete(ctx, p.GetName(),
			metav1.DeleteOptions{GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &uid}})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return fmt.Errorf("deleting pod %s/%s of node %s: %w", p.GetNamespace(), p.GetName(), node, err)
		}
	}
	return nil
}
