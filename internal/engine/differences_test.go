package engine

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// state is what the store has of a cluster.
func (w *world) state(t *testing.T, uuid string) (groups []hanok.NodeGroup, workers []hanok.Node) {
	t.Helper()
	err := w.store.View(t.Context(), func(tx store.Tx) error {
		workers = nil
		nodes, err := tx.Nodes(uuid)
		if err != nil {
			return err
		}
		for _, n := range nodes {
			if n.Role == hanok.RoleWorker {
				workers = append(workers, n)
			}
		}
		groups, err = tx.NodeGroups(uuid)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return groups, workers
}

// agree fails the test unless groups, records, machines, addresses and
// Kubernetes' nodes are the same nodes.
func (w *world) agree(t *testing.T, c hanok.Cluster) {
	t.Helper()
	for _, d := range w.differences(t, c) {
		t.Error(d)
	}
}

func (w *world) differences(t *testing.T, c hanok.Cluster) (all []string) {
	t.Helper()
	differ := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	groups, workers := w.state(t, c.UUID)
	count := map[string]int{}
	names, cidrs := map[string]bool{}, map[string]bool{}
	machines := map[string]infra.Machine{}
	inventory := w.cloud.Inventory()
	for _, m := range inventory.Machines {
		if m.ClusterUUID == c.UUID && m.Role == hanok.RoleWorker {
			machines[m.Key] = m
		}
	}
	kubernetes := map[string]bool{}
	for _, n := range w.nodesOf(c.UUID) {
		kubernetes[n.Name] = n.Ready
	}
	pods := c.PodCIDR()
	for _, n := range workers {
		count[n.NodeGroupUUID]++
		if names[n.Name] || cidrs[n.PodCIDR] {
			differ("the name or the pod CIDR of %s (%s) is taken twice", n.Name, n.PodCIDR)
		}
		names[n.Name], cidrs[n.PodCIDR] = true, true
		if p, err := netip.ParsePrefix(n.PodCIDR); err != nil || !pods.Overlaps(p) {
			differ("node %s has the pod CIDR %q", n.Name, n.PodCIDR)
		}
		m, ok := machines[n.Key]
		delete(machines, n.Key)
		if ok && m.FlavorID != n.FlavorID {
			differ("node %s has flavor %s on record, its machine %s", n.Name, n.FlavorID, m.FlavorID)
		}
		if !ok || m.ID != n.UUID || string(m.Status) != string(n.Status) {
			differ("node %s is %s %q, its machine is %s %q", n.Name, n.Status, n.UUID, m.Status, m.ID)
		}
		ready, there := kubernetes[n.Name]
		delete(kubernetes, n.Name)
		if want := n.Status == hanok.NodeActive; there != want || ready != want {
			differ("node %s is %s; in Kubernetes it is there: %v, Ready: %v", n.Name, n.Status, there, ready)
		}
		if w.cordoned(n.Name) {
			differ("node %s is left unschedulable", n.Name)
		}
	}
	for _, m := range machines {
		differ("machine %s has no record", m.Name)
	}
	for name := range kubernetes {
		differ("Kubernetes has node %s, which is no more", name)
	}
	for _, g := range groups {
		if g.NodeCount != count[g.UUID] {
			differ("group %s has node_count %d and %d nodes", g.Name, g.NodeCount, count[g.UUID])
		}
	}
	if want := len(workers) + 1; len(inventory.Endpoints) == 1 && len(inventory.Ports) != want { // one cluster's
		differ("%d addresses are reserved, want %d", len(inventory.Ports), want)
	}
	return all
}
