package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// dnsAPI is as much of an API server as the scaling of CoreDNS needs.
type dnsAPI struct {
	mu       sync.Mutex
	gone     bool
	version  int
	replicas int
	serving  int
	noted    string // of the annotation; "" for none
	patches  int
	meddle   func(a *dnsAPI) // runs once, before a patch
}

func newDNSAPI(t *testing.T, a *dnsAPI) *Client {
	mux := http.NewServeMux()
	const path = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"
	object := func() map[string]any {
		meta := map[string]any{"name": "coredns", "namespace": "kube-system", "resourceVersion": fmt.Sprint(a.version), "generation": a.version}
		if a.noted != "" {
			meta["annotations"] = map[string]any{"hanok/replicas": a.noted}
		}
		return map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta,
			"spec": map[string]any{"replicas": a.replicas}, "status": map[string]any{"observedGeneration": a.version, "availableReplicas": a.serving}}
	}
	failure := func(w http.ResponseWriter, code int, reason string) {
		writeObject(w, code, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code})
	}
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.gone {
			failure(w, http.StatusNotFound, "NotFound")
			return
		}
		writeObject(w, http.StatusOK, object())
	})
	mux.HandleFunc("PATCH "+path, func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if meddle := a.meddle; meddle != nil {
			a.meddle = nil
			meddle(a)
		}
		var patch struct {
			Metadata struct {
				ResourceVersion string
				Annotations     map[string]string
			}
			Spec struct{ Replicas int }
		}
		if err := json.NewDecoder(r.Body).Decode(&patch); err != nil {
			failure(w, http.StatusBadRequest, "BadRequest")
			return
		}
		if a.gone {
			failure(w, http.StatusNotFound, "NotFound")
			return
		}
		if patch.Metadata.ResourceVersion != fmt.Sprint(a.version) {
			failure(w, http.StatusConflict, "Conflict")
			return
		}
		a.patches++
		a.version++
		a.replicas, a.noted = patch.Spec.Replicas, patch.Metadata.Annotations["hanok/replicas"]
		writeObject(w, http.StatusOK, object())
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	d, err := dynamic.NewForConfig(&rest.Config{Host: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	return &Client{dynamic: d, http: srv.Client(), server: srv.URL}
}

func TestScaleDNS(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		api     *dnsAPI
		to      int
		want    int
		noted   string
		patches int
	}{
		"up":                    {&dnsAPI{replicas: 1, noted: "1"}, 2, 2, "2", 1},
		"down":                  {&dnsAPI{replicas: 2, noted: "2"}, 1, 1, "1", 1},
		"nothing to do":         {&dnsAPI{replicas: 2, noted: "2"}, 2, 2, "2", 0},
		"a user's number":       {&dnsAPI{replicas: 5, noted: "1"}, 2, 5, "1", 0},
		"a user's none":         {&dnsAPI{replicas: 0, noted: "1"}, 2, 0, "1", 0},
		"a user's Deployment":   {&dnsAPI{replicas: 1}, 2, 1, "", 0},
		"deleted":               {&dnsAPI{gone: true}, 2, 0, "", 0},
		"deleted meanwhile":     {&dnsAPI{replicas: 1, noted: "1", meddle: func(a *dnsAPI) { a.gone = true }}, 2, 1, "1", 0},
		"its status changes":    {&dnsAPI{replicas: 1, noted: "1", meddle: func(a *dnsAPI) { a.version++ }}, 2, 2, "2", 1},
		"a user is just faster": {&dnsAPI{replicas: 1, noted: "1", meddle: func(a *dnsAPI) { a.version++; a.replicas = 3 }}, 2, 3, "1", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := tt.api
			c := newDNSAPI(t, a)
			for range 2 {
				if err := c.ScaleDNS(t.Context(), tt.to); err != nil {
					t.Fatal(err)
				}
			}
			if a.replicas != tt.want || a.noted != tt.noted || a.patches != tt.patches {
				t.Errorf("%d replicas, noted %q, after %d patches; want %d, %q, %d", a.replicas, a.noted, a.patches, tt.want, tt.noted, tt.patches)
			}
		})
	}
	c := newDNSAPI(t, &dnsAPI{})
	c.dynamic, _ = dynamic.NewForConfig(&rest.Config{Host: "http://127.0.0.1:1"})
	if err := c.ScaleDNS(t.Context(), 2); err == nil || !strings.Contains(err.Error(), "CoreDNS") {
		t.Errorf("without an API server: %v", err)
	}
}

func TestWaitDNS(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		api  *dnsAPI
		says string // "" where nothing is waited for
	}{
		"both serve":             {&dnsAPI{replicas: 2, serving: 2}, ""},
		"the only one serves":    {&dnsAPI{replicas: 1, serving: 1}, ""},
		"two of a user's five":   {&dnsAPI{replicas: 5, serving: 2}, ""},
		"a user wants none":      {&dnsAPI{}, ""},
		"deleted":                {&dnsAPI{gone: true}, ""},
		"the second is starting": {&dnsAPI{replicas: 2, serving: 1}, "1 of 2 replicas"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newDNSAPI(t, tt.api)
			ctx, cancel := context.WithTimeout(t.Context(), patienceOfWait(tt.says))
			defer cancel()
			if err := c.WaitDNS(ctx); (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %q", err, tt.says)
			}
		})
	}
	// It returns as soon as the second serves.
	a := &dnsAPI{replicas: 2, serving: 1}
	c := newDNSAPI(t, a)
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patienceOfWait(""))
	defer cancel()
	go func() { done <- c.WaitDNS(ctx) }()
	a.mu.Lock()
	a.serving = 2
	a.mu.Unlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func patienceOfWait(says string) time.Duration {
	if says == "" {
		return 30 * time.Second
	}
	return time.Second
}

func TestTainted(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		taint map[string]any
		want  bool
	}{
		"a user's":              {map[string]any{"key": "gpu", "value": "yes", "effect": "NoSchedule"}, true},
		"that empties the node": {map[string]any{"key": "gpu", "effect": "NoExecute"}, true},
		"a wish":                {map[string]any{"key": "gpu", "effect": "PreferNoSchedule"}, false},
		"a condition":           {map[string]any{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}, false},
	} {
		o := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"taints": []any{tt.taint}}}}
		if got := nodeState(o).Tainted; got != tt.want {
			t.Errorf("%s: tainted %t", name, got)
		}
	}
}
