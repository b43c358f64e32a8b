package kube

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// nodeAPI is an API server with at most one node, n-0.
type nodeAPI struct {
	mu       sync.Mutex
	node     *unstructured.Unstructured // nil: not there
	meddle   func()                     // somebody else's change just before the next patch
	patches  int
	changed  chan struct{} // closed and made anew with every change
	watching chan struct{} // closed when somebody watches
}

func (a *nodeAPI) set(t *testing.T, object string) {
	t.Helper()
	n := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(object), &n.Object); err != nil {
		t.Fatal(err)
	}
	n.SetAPIVersion("v1")
	n.SetKind("Node")
	n.SetName("n-0")
	n.SetResourceVersion("1")
	a.mu.Lock()
	defer a.mu.Unlock()
	a.node = n
	close(a.changed)
	a.changed = make(chan struct{})
}

// now gives the node's metadata and spec.
func (a *nodeAPI) now() (annotations, labels map[string]string, spec map[string]any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	spec, _, _ = unstructured.NestedMap(a.node.Object, "spec")
	return a.node.GetAnnotations(), a.node.GetLabels(), spec
}

func newNodeAPI(t *testing.T) (*nodeAPI, *Client) {
	a := &nodeAPI{changed: make(chan struct{}), watching: make(chan struct{})}
	seen := sync.OnceFunc(func() { close(a.watching) })
	missing := map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
	of := func(serve func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.node == nil || r.PathValue("node") != "n-0" {
				writeObject(w, http.StatusNotFound, missing)
				return
			}
			serve(w, r)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/nodes", func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		node, changed := a.node, a.changed
		a.mu.Unlock()
		if r.URL.Query().Get("watch") == "" {
			items := []any{}
			if node != nil {
				items = append(items, node.Object)
			}
			writeObject(w, http.StatusOK, map[string]any{"apiVersion": "v1", "kind": "NodeList", "metadata": map[string]any{"resourceVersion": "1"}, "items": items})
			return
		}
		if node != nil {
			return // it came between list and watch: the client lists anew
		}
		seen()
		select {
		case <-changed:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("GET /api/v1/nodes/{node}", of(func(w http.ResponseWriter, _ *http.Request) { writeObject(w, http.StatusOK, a.node.Object) }))
	mux.HandleFunc("DELETE /api/v1/nodes/{node}", of(func(w http.ResponseWriter, _ *http.Request) {
		object := a.node.Object
		if len(a.node.GetFinalizers()) > 0 {
			_ = unstructured.SetNestedField(object, "2026-01-01T00:00:00Z", "metadata", "deletionTimestamp")
		} else {
			a.node = nil
		}
		writeObject(w, http.StatusOK, object)
	}))
	mux.HandleFunc("PATCH /api/v1/nodes/{node}", of(func(w http.ResponseWriter, r *http.Request) {
		if a.meddle != nil {
			a.meddle()
			a.meddle = nil
		}
		var patch map[string]any
		_ = json.NewDecoder(r.Body).Decode(&patch)
		version, _, _ := unstructured.NestedString(patch, "metadata", "resourceVersion")
		if version != a.node.GetResourceVersion() {
			writeObject(w, http.StatusConflict, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Conflict", "code": 409})
			return
		}
		merge(a.node.Object, patch)
		a.patches++
		v, _ := strconv.Atoi(version)
		a.node.SetResourceVersion(fmt.Sprint(v + 1))
		writeObject(w, http.StatusOK, a.node.Object)
	}))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	d, err := dynamic.NewForConfig(&rest.Config{Host: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	return a, &Client{dynamic: d, http: srv.Client(), server: srv.URL}
}

// merge is RFC 7396.
func merge(into, patch map[string]any) {
	for key, value := range patch {
		object, isObject := value.(map[string]any)
		old, wasObject := into[key].(map[string]any)
		switch {
		case value == nil:
			delete(into, key)
		case isObject && wasObject:
			merge(old, object)
		default:
			into[key] = value
		}
	}
}

func TestCordon(t *testing.T) {
	t.Parallel()
	a, c := newNodeAPI(t)
	a.set(t, `{"spec": {"podCIDR": "10.0.0.0/24"}}`)
	if err := c.Cordon(t.Context(), "n-0"); err != nil {
		t.Fatal(err)
	}
	if _, _, spec := a.now(); spec["unschedulable"] != true || spec["podCIDR"] != "10.0.0.0/24" {
		t.Errorf("after Cordon: %v", spec)
	}
	// Its kubelet writes at the same moment: that is not the end of it.
	a.meddle = func() { a.node.SetResourceVersion("7") }
	if err := c.Uncordon(t.Context(), "n-0"); err != nil {
		t.Fatal(err)
	}
	if annotations, _, spec := a.now(); spec["unschedulable"] != nil || len(annotations) > 0 {
		t.Errorf("after Uncordon: %v, %v", spec, annotations)
	}
	for _, err := range []error{c.Cordon(t.Context(), "gone"), c.Uncordon(t.Context(), "gone")} {
		if err != nil { // success: nothing to do
			t.Error(err)
		}
	}
}

// TestCordonOfAUserStays: what hanok did not do it does not undo.
func TestCordonOfAUserStays(t *testing.T) {
	t.Parallel()
	a, c := newNodeAPI(t)
	a.set(t, `{"metadata": {"annotations": {"note": "disk is odd"}}, "spec": {"unschedulable": true}}`)
	before, _, _ := a.now()
	before = maps.Clone(before)
	for range 2 {
		if err := c.Cordon(t.Context(), "n-0"); err != nil {
			t.Fatal(err)
		}
		if err := c.Uncordon(t.Context(), "n-0"); err != nil {
			t.Fatal(err)
		}
	}
	if annotations, _, spec := a.now(); spec["unschedulable"] != true || !maps.Equal(annotations, before) || a.patches != 0 {
		t.Errorf("%d changes: %v, %v", a.patches, spec, annotations)
	}
}

func TestDeleteNode(t *testing.T) {
	t.Parallel()
	a, c := newNodeAPI(t)
	a.set(t, `{"metadata": {"finalizers": ["example.com/disks"]}}`)
	if err := c.DeleteNode(t.Context(), "n-0"); err == nil || !containsAll(err.Error(), "n-0", "example.com/disks") {
		t.Errorf("a node that a finalizer holds: %v", err)
	}
	a.set(t, `{}`)
	for range 2 { // gone is success
		if err := c.DeleteNode(t.Context(), "n-0"); err != nil || a.node != nil {
			t.Errorf("%v, node %v", err, a.node)
		}
	}
}
