package kube

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Client speaks to one cluster's API server as hanok itself. It holds no
// state of the cluster; all methods may be called at once.
type Client struct {
	dynamic dynamic.Interface
	http    *http.Client
	server  string
}

// Dial connects to a cluster's endpoint. The driver knows how: the endpoint
// of a cluster without a public address is inside its VPC only.
type Dial func(ctx context.Context) (net.Conn, error)

// clientValidity bounds the certificate that the service signs for itself
// each time it makes a client; it is kept nowhere.
const clientValidity = 24 * time.Hour

// NewClient makes a client from a cluster's facts. It does not connect yet.
func NewClient(f Facts, dial Dial) (*Client, error) {
	ca, err := LoadAuthority(f.Secrets[SecretCACert], f.Secrets[SecretCAKey])
	if err != nil {
		return nil, err
	}
	cert, key, err := ca.clientCertificate("hanok:service", []string{"system:masters"}, time.Now(), clientValidity)
	if err != nil {
		return nil, err
	}
	config := &rest.Config{
		Host: ServerURL(f.Endpoint),
		TLSClientConfig: rest.TLSClientConfig{
			CAData: f.Secrets[SecretCACert], CertData: cert, KeyData: key,
		},
		Dial:    func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		QPS:     -1, // the API server's own fairness limits us
		Timeout: 0,
	}
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("client of cluster %s: %w", f.Name, err)
	}
	d, err := dynamic.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("client of cluster %s: %w", f.Name, err)
	}
	return &Client{dynamic: d, http: httpClient, server: config.Host}, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Ready asks the API server's /readyz once; nil is ready.
func (c *Client) Ready(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("API server: %w", err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("API server: /readyz answers %s", res.Status)
	}
	return nil
}

// NodeState is a Kubernetes node as far as hanok cares.
type NodeState struct {
	Name    string
	Ready   bool
	Reason  string // of the Ready condition, when not ready
	Tainted bool   // by a user: it takes those pods alone that tolerate that
}

var nodesResource = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}

// Nodes lists the cluster's nodes by name.
func (c *Client) Nodes(ctx context.Context) ([]NodeState, error) {
	list, err := c.dynamic.Resource(nodesResource).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	nodes := make([]NodeState, 0, len(list.Items))
	for i := range list.Items {
		nodes = append(nodes, nodeState(&list.Items[i]))
	}
	slices.SortFunc(nodes, func(a, b NodeState) int { return compare(a.Name, b.Name) })
	return nodes, nil
}

// WaitNodesReady returns when every named node is Ready, or when ctx ends;
// the error then names those that are not, and why.
func (c *Client) WaitNodesReady(ctx context.Context, names []string) error {
	ready := map[string]bool{}
	why := map[string]string{}
	note := func(o *unstructured.Unstructured) {
		s := nodeState(o)
		ready[s.Name], why[s.Name] = s.Ready, s.Reason
	}
	missing := func() []string {
		var out []string
		for _, n := range names {
			if !ready[n] {
				reason := why[n]
				if reason == "" {
					reason = "not registered"
				}
				out = append(out, n+" ("+reason+")")
			}
		}
		return out
	}
	err := c.watchUntil(ctx, note, func() bool { return len(missing()) == 0 })
	if err != nil {
		return fmt.Errorf("nodes are not Ready: %v: %w", missing(), err)
	}
	return nil
}

// watchUntil shows every node and every change of one to note, until done or
// until ctx ends.
func (c *Client) watchUntil(ctx context.Context, note func(*unstructured.Unstructured), done func() bool) error {
	for {
		err := c.watchNodes(ctx, note, done)
		if done() {
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), err)
		}
		// The API server closed the watch or could not be reached.
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *Client) watchNodes(ctx context.Context, note func(*unstructured.Unstructured), done func() bool) error {
	nodes := c.dynamic.Resource(nodesResource)
	list, err := nodes.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range list.Items {
		note(&list.Items[i])
	}
	if done() {
		return nil
	}
	w, err := nodes.Watch(ctx, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-w.ResultChan():
			if !ok {
				return nil
			}
			if o, ok := e.Object.(*unstructured.Unstructured); ok && o.GetKind() == "Node" {
				note(o)
				if done() {
					return nil
				}
			}
		}
	}
}

// DeleteNode removes a Node object; one that is gone is success. One that is
// held by finalizers is an error that names them: ask again.
func (c *Client) DeleteNode(ctx context.Context, name string) error {
	nodes := c.dynamic.Resource(nodesResource)
	err := nodes.Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("deleting node %s: %w", name, err)
	}
	n, err := nodes.Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("deleting node %s: %w", name, err)
	case n.GetDeletionTimestamp() != nil:
		return fmt.Errorf("node %s is deleted but not gone: its finalizers %s hold it", name, strings.Join(n.GetFinalizers(), ", "))
	}
	return nil // its kubelet has registered it anew
}

func nodeState(o *unstructured.Unstructured) NodeState {
	s := NodeState{Name: o.GetName()}
	taints, _, _ := unstructured.NestedSlice(o.Object, "spec", "taints")
	s.Tainted = slices.ContainsFunc(taints, keepsPodsOff)
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	s.Reason = "no status yet"
	for _, c := range conditions {
		if m, ok := c.(map[string]any); ok && m["type"] == "Ready" {
			s.Ready = m["status"] == "True"
			s.Reason, _ = m["message"].(string)
		}
	}
	if s.Ready {
		s.Reason = ""
	}
	return s
}

// keepsPodsOff tells whether a taint closes a node to ordinary pods for good:
// Kubernetes' own come and go with the node's conditions.
func keepsPodsOff(taint any) bool {
	m, _ := taint.(map[string]any)
	key, _ := m["key"].(string)
	return m["effect"] != "PreferNoSchedule" && !strings.HasPrefix(key, "node.kubernetes.io/")
}
