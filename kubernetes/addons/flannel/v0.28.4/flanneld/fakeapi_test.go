package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fakeAPI serves nodes the way an API server does: list, watch, patch.
type fakeAPI struct {
	t  *testing.T
	mu sync.Mutex

	version int
	nodes   map[string]map[string]any
	watches map[chan string]bool
	log     []event // what a watch from an older version is told first
	expired bool    // watches from old versions get 410
	patches int
	failing int // so many requests fail first
}

type event struct {
	version int
	line    string
}

func newFakeAPI(t *testing.T) (*fakeAPI, *apiClient) {
	t.Helper()
	f := &fakeAPI{t: t, nodes: map[string]map[string]any{}, watches: map[chan string]bool{}}
	server := httptest.NewTLSServer(f)
	t.Cleanup(server.Close)
	t.Cleanup(f.dropWatches)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, fmt.Appendf(nil, `
current-context: c
clusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: true}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: secret}}]`, server.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	api, err := newAPIClient(path)
	if err != nil {
		t.Fatal(err)
	}
	return f, api
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	if f.failing > 0 {
		f.failing--
		f.mu.Unlock()
		http.Error(w, `{"message":"not yet","code":503}`, http.StatusServiceUnavailable)
		return
	}
	if r.Header.Get("Authorization") != "Bearer secret" {
		f.mu.Unlock()
		http.Error(w, `{"message":"who are you","code":401}`, http.StatusUnauthorized)
		return
	}
	switch {
	case r.Method == http.MethodPatch:
		defer f.mu.Unlock()
		var patch struct {
			Metadata struct {
				Annotations map[string]string `json:"annotations"`
			} `json:"metadata"`
		}
		_ = json.NewDecoder(r.Body).Decode(&patch)
		name := strings.Split(r.URL.Path, "/")[4]
		f.patches++
		f.set(name, f.podCIDR(name), patch.Metadata.Annotations)
		_, _ = w.Write([]byte(`{}`))
	case r.URL.Query().Get("watch") == "1":
		if f.expired {
			f.expired = false
			f.mu.Unlock()
			http.Error(w, `{"message":"too old","code":410}`, http.StatusGone)
			return
		}
		events := make(chan string, 100)
		from, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
		for _, e := range f.log {
			if e.version > from {
				events <- e.line
			}
		}
		f.watches[events] = true
		f.mu.Unlock()
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		for {
			select {
			case e, open := <-events:
				if !open {
					return
				}
				_, _ = w.Write([]byte(e + "\n"))
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	default:
		defer f.mu.Unlock()
		list := map[string]any{"metadata": map[string]any{"resourceVersion": fmt.Sprint(f.version)}}
		var items []any
		for _, n := range f.nodes {
			items = append(items, n)
		}
		list["items"] = items
		_ = json.NewEncoder(w).Encode(list)
	}
}

func (f *fakeAPI) podCIDR(name string) string {
	if n, ok := f.nodes[name]; ok {
		return n["spec"].(map[string]any)["podCIDR"].(string)
	}
	return ""
}

// set must be called with the lock held.
func (f *fakeAPI) set(name, cidr string, annotations map[string]string) {
	f.version++
	f.nodes[name] = map[string]any{
		"metadata": map[string]any{"name": name, "resourceVersion": fmt.Sprint(f.version), "annotations": annotations},
		"spec":     map[string]any{"podCIDR": cidr},
	}
	f.send("MODIFIED", f.nodes[name])
}

func (f *fakeAPI) send(kind string, object any) {
	raw, _ := json.Marshal(map[string]any{"type": kind, "object": object})
	f.log = append(f.log, event{f.version, string(raw)})
	for w := range f.watches {
		w <- string(raw)
	}
}

func (f *fakeAPI) put(name, cidr string, annotations map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set(name, cidr, annotations)
}

func (f *fakeAPI) remove(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
	f.nodes[name]["metadata"].(map[string]any)["resourceVersion"] = fmt.Sprint(f.version)
	f.send("DELETED", f.nodes[name])
	delete(f.nodes, name)
}

func (f *fakeAPI) dropWatches() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.watches {
		close(w)
	}
	clear(f.watches)
}
