package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/lease"
	"github.com/flannel-io/flannel/pkg/subnet"
)

func startManager(t *testing.T, api *apiClient, name string) *manager {
	t.Helper()
	config, err := subnet.ParseConfig(`{"Network":"10.100.0.0/16","Backend":{"Type":"vxlan"}}`)
	if err != nil {
		t.Fatal(err)
	}
	m := newManager(api, name, config)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { m.run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return m
}

func peer(public, mac string) map[string]string {
	return map[string]string{
		annotationManaged: "true", annotationType: "vxlan", annotationPublicIP: public,
		annotationData: fmt.Sprintf(`{"VNI":1,"VtepMAC":%q}`, mac),
	}
}

func attrs(t *testing.T, public string) *lease.LeaseAttrs {
	t.Helper()
	addr, err := ip.ParseIP4(public)
	if err != nil {
		t.Fatal(err)
	}
	return &lease.LeaseAttrs{PublicIP: addr, BackendType: "vxlan", BackendData: json.RawMessage(`{"VNI":1,"VtepMAC":"0a:00:00:00:00:01"}`)}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestAcquireLeaseWaitsForPodCIDR(t *testing.T) {
	t.Parallel()
	f, api := newFakeAPI(t)
	f.failing = 2 // the API server is not ready yet
	m := startManager(t, api, "n1")
	got := make(chan *lease.Lease, 1)
	ctx := within(t)
	go func() {
		l, err := m.AcquireLease(ctx, attrs(t, "192.0.2.1"))
		if err != nil {
			t.Errorf("AcquireLease: %v", err)
		}
		got <- l
	}()
	f.put("n1", "", nil)
	select {
	case <-got:
		t.Fatal("a lease without a pod CIDR")
	case <-time.After(300 * time.Millisecond):
	}
	f.put("n1", "10.100.3.0/24", nil)
	if l := <-got; l == nil || l.Subnet.String() != "10.100.3.0/24" {
		t.Fatalf("lease = %+v", l)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.nodes["n1"]["metadata"].(map[string]any)["annotations"].(map[string]string)
	if a[annotationPublicIP] != "192.0.2.1" || a[annotationManaged] != "true" || a[annotationType] != "vxlan" || !strings.Contains(a[annotationData], "0a:00") {
		t.Errorf("annotations = %v", a)
	}
}

func TestAcquireLeaseOutsideNetwork(t *testing.T) {
	t.Parallel()
	f, api := newFakeAPI(t)
	f.put("n1", "10.200.3.0/24", nil)
	_, err := startManager(t, api, "n1").AcquireLease(within(t), attrs(t, "192.0.2.1"))
	if err == nil || !strings.Contains(err.Error(), "outside flannel's network") {
		t.Errorf("AcquireLease = %v", err)
	}
}

// TestWatchLeases follows peers through coming, changing, going, a watch that
// the server ends, and one that expired.
func TestWatchLeases(t *testing.T) {
	t.Parallel()
	f, api := newFakeAPI(t)
	f.put("n2", "10.100.2.0/24", peer("192.0.2.2", "0a:00:00:00:00:02"))
	f.put("plain", "10.100.9.0/24", nil) // flannel does not run there yet
	m := startManager(t, api, "n1")
	ctx := within(t)
	results := make(chan []lease.LeaseWatchResult)
	go func() { _ = m.WatchLeases(ctx, results) }()

	// state is what a backend would have set up by now.
	state := map[string]string{}
	until := func(what string, want map[string]string) {
		t.Helper()
		for fmt.Sprint(state) != fmt.Sprint(want) {
			select {
			case batch := <-results:
				for _, r := range batch {
					if len(r.Events) == 0 {
						clear(state)
						for _, l := range r.Snapshot {
							state[l.Subnet.String()] = l.Attrs.PublicIP.String()
						}
					}
					for _, e := range r.Events {
						if e.Type == lease.EventRemoved {
							delete(state, e.Lease.Subnet.String())
						} else {
							state[e.Lease.Subnet.String()] = e.Lease.Attrs.PublicIP.String()
						}
					}
				}
			case <-ctx.Done():
				t.Fatalf("%s: have %v, want %v", what, state, want)
			}
		}
	}
	until("first list", map[string]string{"10.100.2.0/24": "192.0.2.2"})
	f.put("n3", "10.100.3.0/24", peer("192.0.2.3", "0a:00:00:00:00:03"))
	until("a peer comes", map[string]string{"10.100.2.0/24": "192.0.2.2", "10.100.3.0/24": "192.0.2.3"})
	f.put("n3", "10.100.3.0/24", peer("192.0.2.33", "0a:00:00:00:00:03"))
	until("a peer moves", map[string]string{"10.100.2.0/24": "192.0.2.2", "10.100.3.0/24": "192.0.2.33"})
	f.remove("n2")
	until("a peer goes", map[string]string{"10.100.3.0/24": "192.0.2.33"})

	f.mu.Lock()
	f.expired = true
	f.mu.Unlock()
	f.dropWatches()
	f.put("n4", "10.100.4.0/24", peer("192.0.2.4", "0a:00:00:00:00:04"))
	until("after an expired watch", map[string]string{"10.100.3.0/24": "192.0.2.33", "10.100.4.0/24": "192.0.2.4"})
}

func TestKeepLease(t *testing.T) {
	t.Parallel()
	f, api := newFakeAPI(t)
	f.put("n1", "10.100.1.0/24", nil)
	m := startManager(t, api, "n1")
	ctx := within(t)
	l, err := m.AcquireLease(ctx, attrs(t, "192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- m.keepLease(ctx, l) }()

	// The Node object is deleted and registered anew: the lease returns.
	f.remove("n1")
	f.put("n1", "10.100.1.0/24", nil)
	if _, err := m.waitOwn(ctx, func(n node) bool { _, ok := leaseOf(n); return ok }); err != nil {
		t.Fatalf("the lease did not return: %v", err)
	}
	if mac, _ := m.GetStoredMacAddresses(ctx); mac != "0a:00:00:00:00:01" {
		t.Errorf("stored MAC address %q", mac)
	}
	// With another pod CIDR only a new start helps.
	f.put("n1", "10.100.7.0/24", nil)
	select {
	case err := <-result:
		if !errors.Is(err, errMoved) {
			t.Errorf("keepLease = %v, want errMoved", err)
		}
	case <-ctx.Done():
		t.Error("keepLease did not notice the new pod CIDR")
	}
}

func TestKubeconfigErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"no context", `current-context: x`, "names no cluster"},
		{"no server", `{current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}]}`, "no server address"},
		{"no user", `{current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], clusters: [{name: c, cluster: {server: "https://x"}}]}`, "no user"},
		{"bad CA", `{current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], clusters: [{name: c, cluster: {server: "https://x", certificate-authority-data: "!"}}]}`, "not base64"},
		{"no YAML", "\t", "not a kubeconfig"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "kc")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := newAPIClient(path); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("newAPIClient = %v, want %q", err, tt.want)
			}
		})
	}
}
