package clients

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clusters"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/nodegroups"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/quotas"

	"github.com/hanok/hanok/test/harness"
)

// changes are the calls of a generation that change a cluster.
type changes interface {
	containerInfra

	update(cluster string, o clusters.UpdateOpts) error
	resize(cluster string, o clusters.ResizeOpts) error

	createGroup(cluster string, o nodegroups.CreateOpts) (nodegroups.NodeGroup, error)
	updateGroup(cluster, group string, o nodegroups.UpdateOpts) error
	removeGroup(cluster, group string) error

	createQuota(quotas.CreateOpts) error
}

// testChanges changes the shared cluster, and leaves it as it was. first
// tells that no other generation did before.
func testChanges(t *testing.T, s *harness.Service, api changes, shared string, first bool) {
	t.Run("size", func(t *testing.T) {
		resize := func(nodes int) error { return api.resize(shared, clusters.ResizeOpts{NodeCount: &nodes}) }
		if err := api.update(shared, clusters.UpdateOpts{Op: clusters.ReplaceOp, Path: "/node_count", Value: 2}); err != nil {
			t.Fatal(err)
		}
		if c := awaitCluster(t, api, shared); c.NodeCount != 2 || len(c.NodeAddresses) != 2 {
			t.Errorf("after the patch the cluster has %d nodes: %v", c.NodeCount, c.NodeAddresses)
		}
		if err := resize(1); err != nil {
			t.Fatal(err)
		}
		if c := awaitCluster(t, api, shared); c.NodeCount != 1 || len(c.NodeAddresses) != 1 {
			t.Errorf("after the resize the cluster has %d nodes: %v", c.NodeCount, c.NodeAddresses)
		}
		wantCode(t, api, resize(99), http.StatusBadRequest, http.StatusForbidden)
	})
	t.Run("node group", func(t *testing.T) {
		one := 1
		more := nodegroups.CreateOpts{
			Name: "more", NodeCount: &one, FlavorID: s.Choice.FlavorID, ImageID: s.Choice.ImageID, Labels: groupLabels(s),
		}
		made, err := api.createGroup(shared, more)
		if err != nil {
			t.Fatal(err)
		}
		if made.Name != "more" || made.ClusterID != shared || made.Role != "worker" || made.IsDefault {
			t.Errorf("the new group is %+v", made)
		}
		g := awaitGroup(t, api, shared, "more")
		if g.UUID != made.UUID || g.NodeCount != 1 || len(g.NodeAddresses) != 1 {
			t.Errorf("the group is %+v", g)
		}
		_, err = api.createGroup(shared, more)
		wantCode(t, api, err, http.StatusConflict)

		if err := api.updateGroup(shared, g.UUID, nodegroups.UpdateOpts{Op: nodegroups.ReplaceOp, Path: "/max_node_count", Value: 5}); err != nil {
			t.Fatal(err)
		}
		if g := awaitGroup(t, api, shared, g.UUID); g.MaxNodeCount == nil || *g.MaxNodeCount != 5 {
			t.Errorf("after the patch the group is %+v, want max_node_count 5", g)
		}
		if err := api.removeGroup(shared, "more"); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, 60*time.Second, "the group is gone", func() error {
			g, err := api.group(shared, made.UUID)
			if api.codeOf(err) == http.StatusNotFound {
				return nil
			}
			return fmt.Errorf("it is %s, %v", g.Status, err)
		})
		awaitCluster(t, api, shared)
	})
	t.Run("quota", func(t *testing.T) {
		c, err := api.get(shared)
		if err != nil {
			t.Fatal(err)
		}
		if err := api.createQuota(quotas.CreateOpts{ProjectID: c.ProjectID, Resource: "Cluster", HardLimit: 20}); first && err != nil {
			t.Errorf("creating a quota: %v", err)
		} else if !first {
			wantCode(t, api, err, http.StatusConflict)
		}
	})
}

// awaitCluster waits until no operation runs on a cluster; it must not have failed.
func awaitCluster(t *testing.T, api containerInfra, uuid string) (c clusters.Cluster) {
	t.Helper()
	harness.Eventually(t, 90*time.Second, "the operation on the cluster is done", func() (err error) {
		c, err = api.get(uuid)
		return settled(t, c.Status, c.StatusReason, err)
	})
	return c
}

func awaitGroup(t *testing.T, api containerInfra, cluster, idOrName string) (g nodegroups.NodeGroup) {
	t.Helper()
	harness.Eventually(t, 90*time.Second, "the operation on the group is done", func() (err error) {
		g, err = api.group(cluster, idOrName)
		return settled(t, g.Status, g.StatusReason, err)
	})
	return g
}

func settled(t *testing.T, status, reason string, err error) error {
	t.Helper()
	switch {
	case err != nil:
		return err
	case strings.HasSuffix(status, "_FAILED"):
		t.Fatalf("it is %s: %s", status, reason)
	case !strings.HasSuffix(status, "_COMPLETE"):
		return fmt.Errorf("it is %s", status)
	}
	return nil
}
