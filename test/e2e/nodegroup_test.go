package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/test/harness"
)

// wantAgreement checks that the API's counts, its servers and Kubernetes'
// nodes are the same.
func (s *service) wantAgreement(t *testing.T, c *cluster) {
	t.Helper()
	groups, err := s.Client.NodeGroups(t.Context(), c.uuid)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, g := range groups {
		count += g.NodeCount
	}
	servers := s.serversOf(t, c.uuid)
	var active []string
	for _, server := range servers {
		if server.Status == "ACTIVE" {
			active = append(active, server.Name)
		}
	}
	var nodes []string
	for _, n := range c.nodes(t).Items {
		nodes = append(nodes, n.Metadata.Name)
	}
	slices.Sort(active)
	slices.Sort(nodes)
	if shown := s.show(t, c.uuid).NodeCount; shown != count || count != len(servers) || !slices.Equal(active, nodes) {
		t.Errorf("the cluster has node_count %d, its groups %d; there are %d servers, active are %v; Kubernetes has %v", shown, count, len(servers), active, nodes)
	}
}

// TestNodeGroups goes through what a group may do on a real cluster: made
// beside another at once, a budget that is never met, and both dialects.
func TestNodeGroups(t *testing.T) {
	t.Parallel()
	s := startService(t, "--drain-timeout", "12s")
	r := s.request("groups")
	small := s.flavorNamed(t, "t2.c1m1").ID
	r.fields["flavor_id"] = small
	c := s.create(t, r)
	s.loadProbe(t, c)

	group := func(name string) string {
		body, err := json.Marshal(map[string]any{
			"name": name, "node_count": 1, "flavor_id": small, "image_id": s.Choice.ImageID,
			"labels": map[string]any{"availability_zone": s.Choice.Zone, "boot_volume_type": s.Choice.VolumeType, "boot_volume_size": "5", "ca_enable": "false"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	path := "/v1/clusters/" + c.uuid
	begin := time.Now()
	for _, name := range []string{"left", "right"} { // at once, as Terraform makes them
		if code, body := s.call(t, http.MethodPost, path+"/nodegroups", group(name)); code != http.StatusAccepted {
			t.Fatalf("create %s: %d %s", name, code, body)
		}
	}
	s.await(t, c.uuid, "UPDATE_COMPLETE", 2*time.Minute)
	t.Logf("two groups of one node in %v", time.Since(begin).Round(10*time.Millisecond))
	s.wantAgreement(t, c)
	labels := map[string]int{}
	for _, n := range c.nodes(t).Items {
		labels[n.Metadata.Labels["magnum.openstack.org/nodegroup"]]++
	}
	if labels["left"] != 1 || labels["right"] != 1 || labels["default-worker"] != 1 {
		t.Errorf("the nodes' labels name the groups %v", labels)
	}

	// A budget that is never met: the pod's name is told, the node takes pods
	// again, and the next operation works.
	c.run(t, "-n", "default", "run", "cart", "--image=hanok.test/probe:1", "--labels=app=cart",
		`--overrides={"spec":{"nodeSelector":{"magnum.openstack.org/nodegroup":"left"}}}`, "--", "serve")
	c.run(t, "-n", "default", "wait", "--for=condition=Ready", "pod/cart", "--timeout=60s")
	c.run(t, "-n", "default", "create", "poddisruptionbudget", "cart", "--selector=app=cart", "--min-available=1")
	if code, body := s.call(t, http.MethodDelete, path+"/nodegroups/left", ""); code != http.StatusNoContent {
		t.Fatalf("delete: %d %s", code, body)
	}
	if code, body := s.call(t, http.MethodPatch, path+"/nodegroups/left", `[{"op":"replace","path":"/node_count","value":2}]`); code != http.StatusConflict {
		t.Errorf("a resize of a group that is being deleted: %d %s", code, body)
	}
	failed := s.settled(t, c.uuid)
	if failed.Status != "UPDATE_FAILED" || !strings.Contains(failed.StatusReason, "default/cart") || !strings.Contains(failed.StatusReason, "disruption budget") {
		t.Errorf("the cluster is %s: %s", failed.Status, failed.StatusReason)
	}
	if out := c.run(t, "get", "nodes"); strings.Contains(out, "SchedulingDisabled") {
		t.Errorf("a node is left unschedulable:\n%s", out)
	}
	c.run(t, "-n", "default", "delete", "poddisruptionbudget", "cart")
	for _, name := range []string{"left", "default-worker"} { // the default group, too
		if code, body := s.call(t, http.MethodDelete, path+"/nodegroups/"+name, ""); code != http.StatusNoContent {
			t.Fatalf("delete %s: %d %s", name, code, body)
		}
	}
	s.await(t, c.uuid, "UPDATE_COMPLETE", 2*time.Minute)
	s.wantAgreement(t, c)
	if code, body := s.call(t, http.MethodDelete, path+"/nodegroups/right", ""); code != http.StatusBadRequest || !strings.Contains(body, "last worker group") {
		t.Errorf("delete of the last group: %d %s", code, body)
	}
	s.delete(t, c.uuid)
}

// settled waits until no operation on a cluster is under way.
func (s *service) settled(t *testing.T, uuid string) (c client.Cluster) {
	t.Helper()
	harness.Eventually(t, time.Minute, "the operation ends", func() (err error) {
		if c, err = s.Client.Cluster(t.Context(), uuid); err == nil && strings.HasSuffix(c.Status, "_IN_PROGRESS") {
			err = errors.New(c.Status)
		}
		return err
	})
	return c
}
