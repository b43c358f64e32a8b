package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// podAPI is as much of an API server as a drain needs.
type podAPI struct {
	mu      sync.Mutex
	pods    map[string]map[string]any // by name
	answers map[string]int            // code that the eviction of a pod is answered with; 0 is success
	evicted []string
	deleted []string
}

func (a *podAPI) pod(name string, change func(meta, status map[string]any)) {
	meta := map[string]any{"name": name, "namespace": "shop", "uid": "uid-" + name}
	status := map[string]any{"phase": "Running"}
	if change != nil {
		change(meta, status)
	}
	a.pods[name] = map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": map[string]any{"nodeName": "n-0"}, "status": status}
}

func newPodAPI(t *testing.T) (*podAPI, *Client) {
	a := &podAPI{pods: map[string]map[string]any{}, answers: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/pods", func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if r.URL.Query().Get("fieldSelector") != "spec.nodeName=n-0" {
			http.Error(w, "another node's pods were asked for", http.StatusBadRequest)
			return
		}
		items := []any{}
		for _, p := range a.pods {
			items = append(items, p)
		}
		writeObject(w, http.StatusOK, map[string]any{"apiVersion": "v1", "kind": "PodList", "metadata": map[string]any{}, "items": items})
	})
	mux.HandleFunc("POST /api/v1/namespaces/shop/pods/{pod}/eviction", func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		name := r.PathValue("pod")
		var eviction struct {
			Kind          string
			DeleteOptions struct{ Preconditions struct{ UID string } }
		}
		if err := json.NewDecoder(r.Body).Decode(&eviction); err != nil || eviction.Kind != "Eviction" || eviction.DeleteOptions.Preconditions.UID != "uid-"+name {
			http.Error(w, fmt.Sprintf("eviction %+v: %v", eviction, err), http.StatusBadRequest)
			return
		}
		if code := a.answers[name]; code != 0 {
			w.Header().Set("Retry-After", "10")
			writeObject(w, code, map[string]any{
				"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "Cannot evict pod as it would violate the pod's disruption budget.", "code": code,
				"details": map[string]any{"causes": []any{map[string]any{"reason": "DisruptionBudget", "message": "The disruption budget cart needs 1 healthy pods and has 1 currently"}}},
			})
			return
		}
		a.evicted = append(a.evicted, name)
		delete(a.pods, name)
		writeObject(w, http.StatusCreated, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"})
	})
	mux.HandleFunc("DELETE /api/v1/namespaces/shop/pods/{pod}", func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		var options metav1.DeleteOptions
		if err := json.NewDecoder(r.Body).Decode(&options); err != nil || options.GracePeriodSeconds == nil || *options.GracePeriodSeconds != 0 {
			http.Error(w, "the pod has no time to end, its machine is gone", http.StatusBadRequest)
			return
		}
		a.deleted = append(a.deleted, r.PathValue("pod"))
		delete(a.pods, r.PathValue("pod"))
		writeObject(w, http.StatusOK, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"})
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	d, err := dynamic.NewForConfig(&rest.Config{Host: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	return a, &Client{dynamic: d, http: srv.Client(), server: srv.URL}
}

func writeObject(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func silent(string) {}

func TestDrainEvictsWhatMustLeave(t *testing.T) {
	t.Parallel()
	a, c := newPodAPI(t)
	a.pod("web", nil)
	a.pod("job", func(_, status map[string]any) { status["phase"] = "Pending" })
	a.pod("static", func(meta, _ map[string]any) {
		meta["annotations"] = map[string]any{"kubernetes.io/config.mirror": "x"}
	})
	a.pod("agent", func(meta, _ map[string]any) {
		meta["ownerReferences"] = []any{map[string]any{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agents", "uid": "u", "controller": true}}
	})
	a.pod("done", func(_, status map[string]any) { status["phase"] = "Succeeded" })
	a.pod("broken", func(_, status map[string]any) { status["phase"] = "Failed" })
	a.pod("orphan", func(meta, _ map[string]any) { // its kubelet is dead
		meta["deletionTimestamp"] = time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	})
	if err := c.Drain(t.Context(), "n-0", silent); err != nil {
		t.Fatal(err)
	}
	slices.Sort(a.evicted)
	if !slices.Equal(a.evicted, []string{"job", "web"}) {
		t.Errorf("evicted %v", a.evicted)
	}
	if err := c.DeletePodsOf(t.Context(), "n-0"); err != nil {
		t.Fatal(err)
	}
	if len(a.pods) != 0 || len(a.deleted) != 5 {
		t.Errorf("%d pods are left, deleted %v", len(a.pods), a.deleted)
	}
}

// TestDrainWaitsForBudgets: a pod whose budget is not met is asked again, at
// our own pace, until it may go.
func TestDrainWaitsForBudgets(t *testing.T) {
	t.Parallel()
	a, c := newPodAPI(t)
	a.pod("cart", nil)
	a.answers["cart"] = http.StatusTooManyRequests
	var said []string
	begin := time.Now()
	err := c.Drain(t.Context(), "n-0", func(s string) {
		said = append(said, s)
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(said) == 3 {
			delete(a.answers, "cart")
		}
	})
	if err != nil || !slices.Equal(a.evicted, []string{"cart"}) || said[0] != "1 pods on it" {
		t.Errorf("%v; evicted %v; said %v", err, a.evicted, said)
	}
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("it took %v: the server's Retry-After of 10 s was waited for", took)
	}
}

func TestDrainNamesWhatStays(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spoil func(a *podAPI)
		want  string
	}{
		"a budget":    {func(a *podAPI) { a.answers["cart"] = http.StatusTooManyRequests }, "shop/cart (Cannot evict pod as it would violate the pod's disruption budget: The disruption budget cart needs 1 healthy pods"},
		"two budgets": {func(a *podAPI) { a.answers["cart"] = http.StatusInternalServerError }, "shop/cart ("},
		"it ends never": {func(a *podAPI) {
			a.pods["cart"]["metadata"].(map[string]any)["deletionTimestamp"] = time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		}, "shop/cart (it has not ended yet)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, c := newPodAPI(t)
			a.pod("cart", nil)
			tt.spoil(a)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			err := c.Drain(ctx, "n-0", silent)
			var stays *DrainError
			if !errors.As(err, &stays) || stays.Node != "n-0" || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want a DrainError that says %q", err, tt.want)
			}
		})
	}
	_, c := newPodAPI(t)
	c.server = "http://127.0.0.1:1"
	c.dynamic, _ = dynamic.NewForConfig(&rest.Config{Host: c.server})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var stays *DrainError
	if err := c.Drain(ctx, "n-0", silent); !errors.As(err, &stays) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("without an API server: %v", err)
	}
}
