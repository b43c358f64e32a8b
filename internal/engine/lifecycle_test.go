package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
)

func TestCreateAndDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{Delay: 2 * time.Millisecond, Polls: 3})
	e, _ := w.start(t, nil)
	p := plan("prod", 2)
	p.Cluster.Labels[hanok.LabelPublicEndpoint] = "True"
	c := create(t, e, p)
	if c.Status != hanok.CreateInProgress || c.UUID == "" || c.StackID == "" || c.CreatedAt.IsZero() {
		t.Errorf("CreateCluster gives %+v", c)
	}
	c = w.awaitStatus(t, c.UUID, hanok.CreateComplete)
	w.wantSet(t, 1, 2)
	if c.HealthStatus != hanok.Healthy || len(c.HealthReason) != 3 || c.HealthReason["api"] != "ok" {
		t.Errorf("health %s %v", c.HealthStatus, c.HealthReason)
	}
	endpoint := w.cloud.Inventory().Endpoints[0]
	if want := "https://" + endpoint.Address.String(); c.APIAddress != want {
		t.Errorf("api_address %s, want %s", c.APIAddress, want)
	}
	if w.addons.Load() == 0 {
		t.Error("no add-ons were applied")
	}
	w.checkRecords(t, c)
	if got := w.events(t, c.UUID); !slices.Equal(got, []string{"CLUSTER_CREATE SUCCESS"}) {
		t.Errorf("events %v", got)
	}

	remove(t, e, c.UUID)
	w.awaitGone(t, c.UUID)
	w.wantEmpty(t)
	if got := w.events(t, c.UUID); !slices.Equal(got, []string{"CLUSTER_DELETE SUCCESS", "CLUSTER_CREATE SUCCESS"}) {
		t.Errorf("events %v", got)
	}
	if err := e.DeleteCluster(t.Context(), c.UUID); hanok.KindOf(err) != hanok.KindNotFound {
		t.Errorf("deleting a cluster that is gone: %v, want KindNotFound", err)
	}
}

// checkRecords compares the nodes' records with the cloud's machines.
func (w *world) checkRecords(t *testing.T, c hanok.Cluster) {
	t.Helper()
	var nodes []hanok.Node
	err := w.store.View(t.Context(), func(tx store.Tx) (err error) {
		nodes, err = tx.Nodes(c.UUID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	machines := map[string]infra.Machine{}
	for _, m := range w.cloud.Inventory().Machines {
		machines[m.Key] = m
	}
	for _, n := range nodes {
		m, ok := machines[n.Key]
		if !ok {
			t.Errorf("node %s has no machine", n.Name)
			continue
		}
		if n.UUID != m.ID || n.Name != m.Name || n.Status != hanok.NodeActive || len(m.Addresses) != 1 || n.Address != m.Addresses[0].String() {
			t.Errorf("node %+v\nmachine %+v", n, m)
		}
		spec, _ := w.cloud.Spec(m.ID)
		var config machine.Config
		if err := json.Unmarshal(spec.UserData, &config); err != nil {
			t.Errorf("user data of %s: %v", n.Name, err)
		}
		if config.MachineKey != n.Key || config.Token != "t-"+n.Key || config.Hostname != n.Name || config.ServiceURL != "https://198.18.0.1:9512" || len(config.Nameserver) != 1 {
			t.Errorf("user data of %s: %+v", n.Name, config)
		}
		if master := n.Role == hanok.RoleMaster; master != (spec.Keypair == nil) || master != (n.NodeGroupUUID == "") {
			t.Errorf("node %s of role %s: key pair %v, group %q", n.Name, n.Role, spec.Keypair, n.NodeGroupUUID)
		}
		if !slices.Contains(w.changed, n.Key) {
			t.Errorf("the agent of %s was not told that its state can be rendered", n.Name)
		}
		if members := w.cloud.Members(w.cloud.Inventory().Endpoints[0].ID); n.Role == hanok.RoleMaster &&
			(len(members) != 1 || members[0].String() != n.Address+":6443") {
			t.Errorf("the endpoint's members are %v, want %s:6443", members, n.Address)
		}
	}
}

// TestCloudIsUnreliable: calls that fail, and calls that act and lose their
// reply, change nothing of the outcome.
func TestCloudIsUnreliable(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fake.Options{Polls: 2, FailRate: 0.1, LoseRate: 0.1, Seed: seed})
			e, _ := w.start(t, nil)
			c := create(t, e, plan("prod", 3))
			w.awaitStatus(t, c.UUID, hanok.CreateComplete)
			w.wantSet(t, 1, 3)
			remove(t, e, c.UUID)
			w.awaitGone(t, c.UUID)
			w.wantEmpty(t)
		})
	}
}

func TestFailureEndsWithReason(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		options fake.Options
		spoil   func(w *world)
		change  func(*Config)
		want    string
	}{
		{
			name:  "bundle damaged",
			spoil: func(w *world) { w.bundles = errors.New("bin/kube is damaged: run hanok bundle build v1.30.3") },
			want:  "hanok bundle build v1.30.3",
		},
		{
			name:    "no room",
			options: fake.Options{Capacity: infra.Capacity{VCPUs: 64, MemoryMB: 4096, DiskGB: 1000}},
			want:    "4096",
		},
		{
			name:  "cloud keeps failing",
			spoil: func(w *world) { w.cloud.Inject("CreatePort", slices.Repeat([]fake.Fault{fake.Fail}, 100)...) },
			want:  "attempts",
		},
		{
			name:   "API server never comes",
			spoil:  func(w *world) { w.apiDown.Store(true) },
			change: func(c *Config) { c.Settings.StallTimeout = 300 * time.Millisecond },
			want:   "nothing has moved for",
		},
		{
			name:   "nodes never Ready",
			spoil:  func(w *world) { w.notReady.Store(true) },
			change: func(c *Config) { c.Settings.StallTimeout = 300 * time.Millisecond },
			want:   "not Ready",
		},
		{
			name:   "panic",
			spoil:  func(*world) {},
			change: func(c *Config) { c.Fleet = nil; c.Fleet = panicking{} },
			want:   "internal error",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(tt.name, "keeps failing") && testing.Short() {
				t.Skip("takes several seconds of pauses")
			}
			w := newWorld(t, tt.options)
			if tt.spoil != nil {
				tt.spoil(w)
			}
			e, _ := w.start(t, tt.change)
			c := create(t, e, plan("prod", 1))
			c = w.awaitStatus(t, c.UUID, hanok.CreateFailed)
			if !strings.Contains(c.StatusReason, tt.want) || !strings.Contains(c.StatusReason, "Delete the cluster") {
				t.Errorf("reason %q, want it to say %q and what to do", c.StatusReason, tt.want)
			}
			if got := w.events(t, c.UUID); len(got) != 1 || !strings.HasPrefix(got[0], "CLUSTER_CREATE FAIL ") || !strings.Contains(got[0], tt.want) {
				t.Errorf("events %q", got)
			}
			eventually(t, "no machine of the failed cluster runs", func() (bool, string) {
				for _, m := range w.cloud.Inventory().Machines {
					if m.Status != infra.MachineShutoff {
						return false, string(m.Status)
					}
				}
				return true, ""
			})
			var groups []hanok.NodeGroup
			if err := w.store.View(t.Context(), func(tx store.Tx) (err error) { groups, err = tx.NodeGroups(c.UUID); return err }); err != nil {
				t.Fatal(err)
			}
			if groups[0].Status != hanok.CreateFailed || groups[0].StatusReason == "" {
				t.Errorf("group %s %q", groups[0].Status, groups[0].StatusReason)
			}
			remove(t, e, c.UUID)
			w.awaitGone(t, c.UUID)
			w.wantEmpty(t)
		})
	}
}

// panicking is a fleet with a bug.
type panicking struct{ *world }

func (panicking) Prepare(store.Tx, string, string) (string, error) { panic("a bug") }
func (panicking) CA() []byte                                       { return nil }
func (panicking) Forget(string)                                    {}

// TestStallNamesTheTrouble: what an agent reports is what the user reads.
func TestStallNamesTheTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	w.apiDown.Store(true)
	e, _ := w.start(t, func(c *Config) { c.Settings.StallTimeout = time.Second })
	c := create(t, e, plan("prod", 1))
	var nodes []hanok.Node
	if err := w.store.View(t.Context(), func(tx store.Tx) (err error) { nodes, err = tx.Nodes(c.UUID); return err }); err != nil {
		t.Fatal(err)
	}
	w.setReport(nodes[0].Key, machine.Report{Processes: []machine.ProcessReport{
		{Name: "etcd", State: machine.ProcessWaiting, Restarts: 7, LastExit: "exit status 1: no space left on device"},
	}})
	eventually(t, "progress that names the trouble", func() (bool, string) {
		got := w.events(t, c.UUID)
		return strings.Contains(got[0], "IN_PROGRESS 4/7 control plane: waiting for the API server") &&
			strings.Contains(got[0], "no space left on device"), got[0]
	})
	c = w.awaitStatus(t, c.UUID, hanok.CreateFailed)
	if !strings.Contains(c.StatusReason, "etcd ended 7 times, last with exit status 1: no space left on device") {
		t.Errorf("reason %q", c.StatusReason)
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	w.apiDown.Store(true)
	e, stop := w.start(t, nil)
	stop()
	// The shortest create_timeout is a minute: this clock was a minute ago.
	e.now = func() time.Time { return time.Now().UTC().Add(-time.Minute + 400*time.Millisecond) }
	p := plan("prod", 1)
	p.Cluster.CreateTimeout = 1
	c := create(t, e, p)
	e, _ = w.start(t, nil)
	c = w.awaitStatus(t, c.UUID, hanok.CreateFailed)
	if !strings.Contains(c.StatusReason, "not done after 1m0s; it was at ") {
		t.Errorf("reason %q", c.StatusReason)
	}
	remove(t, e, c.UUID)
	w.awaitGone(t, c.UUID)
	w.wantEmpty(t)
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{Polls: 2, LoseRate: 0.05, Seed: 7})
	e, _ := w.start(t, nil)
	var clusters []hanok.Cluster
	for i := range 6 {
		clusters = append(clusters, create(t, e, plan(fmt.Sprintf("c%d", i), 1)))
	}
	for _, c := range clusters {
		w.awaitStatus(t, c.UUID, hanok.CreateComplete)
	}
	w.wantSet(t, 6, 1)
	for _, c := range clusters {
		remove(t, e, c.UUID)
	}
	for _, c := range clusters {
		w.awaitGone(t, c.UUID)
	}
	w.wantEmpty(t)
}
