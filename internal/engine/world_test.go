package engine

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/bundle"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
	"github.com/hanok/hanok/internal/store/sqlite"
)

const patienceOfTests = 30 * time.Second

// world is everything around an engine that outlives it: the cloud, the
// machines' agents and Kubernetes on them, and the database.
type world struct {
	cloud    *fake.Driver
	dir      string
	pause    time.Duration // between two looks of an agent, a kubelet or a wait
	store    *sqlite.Store
	records  *sqlite.Store // the same, as agents come to see it
	bundles  error         // what Verify answers
	apiDown  atomic.Bool   // no API server comes up
	notReady atomic.Bool   // no node becomes Ready
	addons   atomic.Int32

	mu      sync.Mutex
	reports map[string]machine.Report // by node key, replaces what a good agent says
	changed []string
	objects map[string]*nodeObject // Node objects by name
	kubelet map[string]kubelet     // by machine: what has registered
	asked   map[string]int         // by node key: the registration in the machine's state
	late    int                    // how many looks kubelets take to register again
	blocked map[string]string      // by node: the pod that never leaves
	dns     dnsOfWorld
}

func newWorld(t *testing.T, options fake.Options) *world {
	t.Helper()
	return newWorldIn(t, t.TempDir(), options)
}

// newWorldIn makes a world that keeps its files in dir.
func newWorldIn(t *testing.T, dir string, options fake.Options) *world {
	t.Helper()
	w := &world{cloud: fake.New(options), dir: dir, pause: 5 * time.Millisecond, reports: map[string]machine.Report{},
		objects: map[string]*nodeObject{}, kubelet: map[string]kubelet{}, asked: map[string]int{}, blocked: map[string]string{}}
	w.store, w.records = w.openStore(t), w.openStore(t)
	return w
}

func (w *world) openStore(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(w.dir, "hanok.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// start runs an engine of this world until the test or stop ends it.
func (w *world) start(t *testing.T, change func(*Config)) (e *Engine, stop func()) {
	t.Helper()
	cfg := Config{
		Store: w.store, Driver: w.cloud, Bundles: w, Fleet: w, Kube: w, BlobDir: filepath.Join(w.dir, "blobs"),
		Settings: Settings{HealthInterval: 20 * time.Millisecond},
	}
	if change != nil {
		change(&cfg)
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range w.cloud.Inventory().Machines { // their agents connect again
		w.Changed(m.Key)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := e.Run(ctx); err != nil && ctx.Err() == nil {
			t.Errorf("Run: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(patienceOfTests):
			t.Error("Run does not end with its context")
		}
	})
	t.Cleanup(stop)
	return e, stop
}

// Verify stands for the bundles on disk.
func (w *world) Verify(_ context.Context, version string) (*bundle.Bundle, error) {
	if w.bundles != nil {
		return nil, w.bundles
	}
	return &bundle.Bundle{Version: version, Digest: "d1"}, nil
}

func (w *world) Versions() ([]string, error) { return []string{"v1.30.3"}, nil }

// What tests ask for and look at.

func plan(name string, workers int) *admission.ClusterPlan {
	flavor := infra.Flavor{ID: "f1", Name: "m2.c2m4", VCPUs: 2, MemoryMB: 4096}
	return &admission.ClusterPlan{
		Cluster: hanok.Cluster{Name: name, ProjectID: "p1", UserID: "u1", Keypair: "key", FlavorID: "f1", CreateTimeout: 60,
			Labels: map[string]string{"kube_tag": "v1.30.3"}, Version: "v1.30.3"},
		Group: hanok.NodeGroup{Name: hanok.DefaultWorkerGroup, Role: hanok.RoleWorker, IsDefault: true, FlavorID: "f1",
			NodeCount: workers, Version: "v1.30.3"},
		Flavor: flavor, Image: infra.Image{ID: "i1", LoginUser: "debian"}, BootVolume: infra.Volume{Type: "General HDD", SizeGB: 20},
		Keypair: infra.Keypair{Name: "key", PublicKey: "ssh-ed25519 AAAA"},
		Subnet: infra.Subnet{ID: "s1", NetworkID: "n1", CIDR: netip.MustParsePrefix("192.168.0.0/24"),
			Gateway: netip.MustParseAddr("192.168.0.1"), InternetGateway: true},
	}
}

func create(t *testing.T, e *Engine, p *admission.ClusterPlan) hanok.Cluster {
	t.Helper()
	c, err := e.CreateCluster(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func remove(t *testing.T, e *Engine, uuid string) {
	t.Helper()
	if err := e.DeleteCluster(t.Context(), uuid); err != nil {
		t.Fatal(err)
	}
}

// eventually polls until ok, or fails the test with the last word of say.
func eventually(t *testing.T, what string, ok func() (bool, string)) {
	t.Helper()
	var last string
	for end := time.Now().Add(patienceOfTests); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var done bool
		if done, last = ok(); done {
			return
		}
	}
	t.Fatalf("%s: not within %v: %s", what, patienceOfTests, last)
}

func (w *world) cluster(t *testing.T, uuid string) (c hanok.Cluster, ok bool) {
	t.Helper()
	err := w.store.View(t.Context(), func(tx store.Tx) (err error) {
		c, err = tx.Cluster(uuid)
		return err
	})
	if err != nil && hanok.KindOf(err) != hanok.KindNotFound {
		t.Fatal(err)
	}
	return c, err == nil
}

func (w *world) awaitStatus(t *testing.T, uuid string, want hanok.Status) (c hanok.Cluster) {
	t.Helper()
	eventually(t, "status "+string(want), func() (bool, string) {
		var ok bool
		c, ok = w.cluster(t, uuid)
		return ok && c.Status == want, fmt.Sprintf("%s %s %v", c.Status, c.StatusReason, w.events(t, uuid))
	})
	return c
}

func (w *world) awaitGone(t *testing.T, uuid string) {
	t.Helper()
	eventually(t, "cluster gone", func() (bool, string) {
		c, ok := w.cluster(t, uuid)
		return !ok, fmt.Sprintf("%s %s %v", c.Status, c.StatusReason, w.events(t, uuid))
	})
}

// events gives the events of a cluster, newest first, as "TYPE STATE contents".
func (w *world) events(t *testing.T, uuid string) (lines []string) {
	t.Helper()
	err := w.store.View(t.Context(), func(tx store.Tx) error {
		events, err := tx.Events(uuid)
		for _, e := range events {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Type, e.State, e.Contents)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// wantSet checks that the cloud holds one set of machines: a member and the
// workers, with an address each, and one endpoint.
func (w *world) wantSet(t *testing.T, clusters, workers int) {
	t.Helper()
	i := w.cloud.Inventory()
	if len(i.Machines) != clusters*(workers+1) || len(i.Ports) != clusters*(workers+1) || len(i.Endpoints) != clusters {
		t.Errorf("the cloud holds %d machines, %d ports, %d endpoints; want %d, %d, %d",
			len(i.Machines), len(i.Ports), len(i.Endpoints), clusters*(workers+1), clusters*(workers+1), clusters)
	}
}

func (w *world) wantEmpty(t *testing.T) {
	t.Helper()
	if i := w.cloud.Inventory(); !i.Empty() {
		t.Errorf("the cloud still holds %d machines, %d ports, %d endpoints", len(i.Machines), len(i.Ports), len(i.Endpoints))
	}
	err := w.store.View(t.Context(), func(tx store.Tx) error {
		for _, kind := range []string{kindClusterSpec, kindGroupSpec, kindNodeMarks, kindRegistration} {
			docs, err := tx.Documents(kind, "")
			if err != nil {
				return err
			}
			if len(docs) > 0 {
				t.Errorf("%d documents %s are left", len(docs), kind)
			}
		}
		nodes, err := tx.AllNodes("")
		if len(nodes) > 0 {
			t.Errorf("%d node records are left", len(nodes))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
