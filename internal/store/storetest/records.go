package storetest

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

func ptr[T any](v T) *T { return &v }

// cluster gives a cluster with every field set.
func cluster(uuid, name, project string) hanok.Cluster {
	return hanok.Cluster{
		UUID: uuid, Name: name, ProjectID: project, UserID: "u1", Keypair: "key", FlavorID: "f1",
		FixedNetwork: "n1", FixedSubnet: "s1", CreateTimeout: 60, DiscoveryURL: ptr(""), MasterCount: ptr(3),
		Labels: map[string]string{"kube_tag": "v1.30.3", "user_script": "a\x00b\n\"ü"}, Version: "v1.30.3", StackID: "st1",
		Status: hanok.CreateInProgress, StatusReason: "because", APIAddress: "https://198.18.0.9:6443",
		HealthStatus: hanok.Healthy, HealthReason: map[string]string{"api": "ok"}, CreatedAt: at(1), UpdatedAt: at(2),
	}
}

func group(uuid, clusterUUID, name string) hanok.NodeGroup {
	return hanok.NodeGroup{
		UUID: uuid, ClusterUUID: clusterUUID, ProjectID: "p1", Name: name, Role: hanok.RoleWorker, IsDefault: true,
		FlavorID: "f1", ImageID: "i1", Keypair: "key", NodeCount: 2, MinNodeCount: 1, MaxNodeCount: ptr(10),
		Labels: map[string]string{"ca_enable": "false"}, Version: "v1.30.3", StackID: "st2",
		Status: hanok.CreateInProgress, StatusReason: "r", CreatedAt: at(3), UpdatedAt: at(4),
	}
}

func node(key, clusterUUID, groupUUID string) hanok.Node {
	return hanok.Node{
		Key: key, UUID: "uuid-" + key, ClusterUUID: clusterUUID, NodeGroupUUID: groupUUID, ProjectID: "p1",
		Role: hanok.RoleWorker, Name: "node-" + key, FlavorID: "f1", ImageID: "i1", PortID: "port", Address: "10.0.0.9", PodCIDR: "10.100.3.0/24",
		Status: hanok.NodeActive, Version: "v1.30.3", CreatedAt: at(5), UpdatedAt: at(6),
	}
}

func event(uuid, clusterUUID string) hanok.Event {
	return hanok.Event{
		UUID: uuid, ProjectID: "p1", ClusterUUID: clusterUUID, ClusterName: "c", ResourceUUID: clusterUUID,
		ResourceName: "c", ResourceType: "cluster", Type: hanok.ClusterCreate, State: hanok.EventInProgress,
		Contents: "1/6", CreatedAt: at(7), UpdatedAt: at(8), Step: "reserve", Epoch: 1, Deadline: at(9),
		Input: json.RawMessage(`{"a":1}`),
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func testClusters(t *testing.T, s store.Store) {
	full, bare := cluster("c1", "same", "p1"), hanok.Cluster{UUID: "c2", Name: "same", ProjectID: "p1"}
	other := cluster("c0", "same", "p2")
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.PutCluster(full), tx.PutCluster(bare), tx.PutCluster(other))
	})
	view(t, s, func(tx store.Tx) error {
		got, err := tx.Cluster("c1")
		equal(t, "cluster with every field", got, full)
		got, err2 := tx.Cluster("c2")
		equal(t, "cluster with no field", got, bare)
		mine, err3 := tx.Clusters("p1")
		equal(t, "a project's clusters, oldest first", mine, []hanok.Cluster{full, bare})
		all, err4 := tx.Clusters("")
		equal(t, "all clusters", all, []hanok.Cluster{full, bare, other})
		named, err5 := tx.ClustersByName("p1", "same")
		equal(t, "clusters by name", named, []hanok.Cluster{full, bare})
		none, err6 := tx.ClustersByName("p1", "c1")
		equal(t, "clusters by an unused name", len(none), 0)
		return errors.Join(err, err2, err3, err4, err5, err6)
	})
}

func testClusterIsReplaced(t *testing.T, s store.Store) {
	first, second := cluster("c1", "a", "p1"), cluster("c2", "b", "p1")
	n := node("k1", "c1", "g1")
	update(t, s, func(tx store.Tx) error {
		_, err := tx.PutNodeGroup(group("g1", "c9", "w"))
		if err == nil {
			t.Error("a group of a cluster that does not exist is accepted")
		}
		return nil
	})
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.PutCluster(first), tx.PutCluster(second), tx.PutNode(n))
	})
	first.Status, first.DiscoveryURL, first.HealthReason = hanok.CreateComplete, nil, nil
	update(t, s, func(tx store.Tx) error { return tx.PutCluster(first) })
	view(t, s, func(tx store.Tx) error {
		all, err := tx.Clusters("")
		equal(t, "a replaced cluster keeps its place", all, []hanok.Cluster{first, second})
		nodes, err2 := tx.Nodes("c1")
		equal(t, "and its nodes", nodes, []hanok.Node{n})
		return errors.Join(err, err2)
	})
}

func testDeleteCluster(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error {
		for _, c := range []string{"c1", "c2"} {
			_, err := tx.InsertEvent(event("e-"+c, c))
			if err := errors.Join(err, tx.PutCluster(cluster(c, "n", "p1"))); err != nil {
				return err
			}
			if _, err := tx.PutNodeGroup(group("g-"+c, c, "default-worker")); err != nil {
				return err
			}
			if err := errors.Join(tx.PutNode(node("k-"+c, c, "g-"+c)), tx.PutSecret(c, "ca.key", []byte("x"))); err != nil {
				return err
			}
		}
		return tx.PutSecret("", "installation", []byte("y"))
	})
	update(t, s, func(tx store.Tx) error { return tx.DeleteCluster("c1") })
	view(t, s, func(tx store.Tx) error {
		_, err := tx.Cluster("c1")
		wantKind(t, "deleted cluster", err, hanok.KindNotFound)
		_, err = tx.NodeByKey("k-c1")
		wantKind(t, "its node", err, hanok.KindNotFound)
		_, err = tx.NodeGroup("c1", "g-c1")
		wantKind(t, "its group", err, hanok.KindNotFound)
		_, err = tx.Secret("c1", "ca.key")
		wantKind(t, "its secret", err, hanok.KindNotFound)
		events, err := tx.Events("c1")
		equal(t, "its events stay", len(events), 1)
		_, err2 := tx.NodeByKey("k-c2")
		_, err3 := tx.NodeGroup("c2", "g-c2")
		_, err4 := tx.Secret("c2", "ca.key")
		_, err5 := tx.Secret("", "installation")
		return errors.Join(err, err2, err3, err4, err5)
	})
	err := s.Update(t.Context(), func(tx store.Tx) error { return tx.DeleteCluster("c1") })
	wantKind(t, "deleting it again", err, hanok.KindNotFound)
}

func testNodeGroups(t *testing.T, s store.Store) {
	first, second := group("g1", "c1", "default-worker"), group("g2", "c1", "g1x")
	bare := hanok.NodeGroup{UUID: "g3", ClusterUUID: "c1", Name: "bare"}
	update(t, s, func(tx store.Tx) (err error) {
		if err := tx.PutCluster(cluster("c1", "n", "p1")); err != nil {
			return err
		}
		for _, g := range []*hanok.NodeGroup{&first, &second, &bare} {
			want := *g
			if *g, err = tx.PutNodeGroup(want); err != nil {
				return err
			}
			if g.ID == 0 {
				t.Error("a new group has no integer id")
			}
			want.ID = g.ID
			equal(t, "group given back", *g, want)
		}
		return nil
	})
	id := first.ID
	first.NodeCount = 5
	update(t, s, func(tx store.Tx) (err error) {
		first, err = tx.PutNodeGroup(first)
		return err
	})
	equal(t, "id of a replaced group", first.ID, id)
	view(t, s, func(tx store.Tx) error {
		all, err := tx.NodeGroups("c1")
		equal(t, "groups, oldest first", all, []hanok.NodeGroup{first, second, bare})
		byUUID, err2 := tx.NodeGroup("c1", "g1")
		equal(t, "by uuid", byUUID, first)
		byName, err3 := tx.NodeGroup("c1", "g1x")
		equal(t, "by name", byName, second)
		workers, err5 := tx.WorkerCount("c1")
		equal(t, "workers of all groups", workers, 5+2)
		none, err6 := tx.WorkerCount("c2")
		equal(t, "workers of no cluster", none, 0)
		_, err4 := tx.NodeGroup("c2", "g1")
		wantKind(t, "through another cluster", err4, hanok.KindNotFound)
		return errors.Join(err, err2, err3, err5, err6)
	})
	err := s.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.PutNodeGroup(group("g4", "c1", "default-worker"))
		return err
	})
	if err == nil {
		t.Error("two groups of one name in one cluster are accepted")
	}
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.PutNode(node("k1", "c1", "g2")), tx.DeleteNodeGroup("g2"))
	})
	view(t, s, func(tx store.Tx) error {
		_, err := tx.NodeGroup("c1", "g2")
		wantKind(t, "deleted group", err, hanok.KindNotFound)
		_, err = tx.NodeByKey("k1")
		wantKind(t, "node of a deleted group", err, hanok.KindNotFound)
		return nil
	})
}

func testNodes(t *testing.T, s store.Store) {
	a, b, c := node("b", "c1", "g1"), node("a", "c1", ""), node("c", "c2", "g2")
	a.ProjectID, c.ProjectID = "p1", "p2"
	bare := hanok.Node{Key: "0", ClusterUUID: "c1"}
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.PutCluster(cluster("c1", "n", "p1")), tx.PutCluster(cluster("c2", "n", "p2")),
			tx.PutNode(a), tx.PutNode(b), tx.PutNode(c), tx.PutNode(bare))
	})
	a.Status, a.Address = hanok.NodeShutoff, "10.0.0.10"
	update(t, s, func(tx store.Tx) error { return tx.PutNode(a) })
	view(t, s, func(tx store.Tx) error {
		of, err := tx.Nodes("c1")
		equal(t, "nodes of a cluster, oldest first", of, []hanok.Node{a, b, bare})
		mine, err2 := tx.AllNodes("p2")
		equal(t, "nodes of a project", mine, []hanok.Node{c})
		all, err3 := tx.AllNodes("")
		equal(t, "all nodes", all, []hanok.Node{a, b, c, bare})
		got, err4 := tx.NodeByKey("b")
		equal(t, "by key", got, a)
		addresses, err5 := tx.WorkerAddresses("c1", "")
		equal(t, "addresses of a cluster's workers, oldest first", addresses, []string{a.Address, b.Address})
		addresses, err6 := tx.WorkerAddresses("c1", "g1")
		equal(t, "addresses of a group's workers", addresses, []string{a.Address})
		addresses, err7 := tx.WorkerAddresses("c2", "g1")
		equal(t, "addresses of another cluster's group", len(addresses), 0)
		return errors.Join(err, err2, err3, err4, err5, err6, err7)
	})
	update(t, s, func(tx store.Tx) error { return tx.DeleteNode("b") })
	view(t, s, func(tx store.Tx) error {
		_, err := tx.NodeByKey("b")
		wantKind(t, "deleted node", err, hanok.KindNotFound)
		return nil
	})
}

func testNotFound(t *testing.T, s store.Store) {
	view(t, s, func(tx store.Tx) error {
		for what, look := range map[string]func() error{
			"cluster":     func() error { _, err := tx.Cluster("x"); return err },
			"node group":  func() error { _, err := tx.NodeGroup("x", "x"); return err },
			"node":        func() error { _, err := tx.NodeByKey("x"); return err },
			"event":       func() error { _, err := tx.Event("x", "x"); return err },
			"event by id": func() error { _, err := tx.EventByID(99); return err },
			"secret":      func() error { _, err := tx.Secret("x", "x"); return err },
			"document":    func() error { _, err := tx.Document("x", "x"); return err },
			"token":       func() error { _, err := tx.Token("x"); return err },
		} {
			wantKind(t, what, look(), hanok.KindNotFound)
		}
		return nil
	})
}
