package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/test/harness"
)

// TestServiceAnswersWhileNodesChange: a Deployment that shuts down gracefully,
// with a PodDisruptionBudget, answers every request while the nodes below it
// stop, start, change their flavor and leave, and the cluster's DNS answers
// every query, though its pods move with them. The requests come from a node
// group that nothing happens to: a hundred a second, each a new connection,
// through ClusterIP and NodePort, and fifty queries a second beside them.
func TestServiceAnswersWhileNodesChange(t *testing.T) {
	t.Parallel()
	s := startService(t)
	r := s.request("serving")
	r.nodes = 2
	c := s.create(t, r)
	clients := map[string]any{
		"name": "clients", "node_count": 1, "flavor_id": s.flavorNamed(t, "t2.c1m1").ID, "image_id": r.labels["node_image"],
		"labels": map[string]any{
			"availability_zone": r.labels["availability_zone"], "boot_volume_type": r.labels["boot_volume_type"],
			"boot_volume_size": r.labels["boot_volume_size"], "ca_enable": "false",
		},
	}
	body, err := json.Marshal(clients)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Client.CreateNodeGroup(t.Context(), c.uuid, body); err != nil {
		t.Fatal(err)
	}
	s.await(t, c.uuid, "UPDATE_COMPLETE", 2*time.Minute)
	s.loadProbe(t, c)
	c.apply(t, "default", render(t, "serving.yaml", nil))
	c.run(t, "-n", "default", "rollout", "status", "deployment/shop", "--timeout=120s")

	clusterIP := c.run(t, "-n", "default", "get", "service", "shop", "-o", "jsonpath={.spec.clusterIP}")
	nodeIP := c.run(t, "get", "nodes", "-l", "magnum.openstack.org/nodegroup=clients", "-o", `jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}`)
	c.apply(t, "default", render(t, "load.yaml", map[string]string{"ClusterIP": clusterIP, "NodeIP": nodeIP}))
	c.run(t, "-n", "default", "wait", "--for=condition=Ready", "pod/load", "--timeout=60s")
	c.loaded(t)
	began := time.Now()

	group := "/v1/clusters/" + c.uuid + "/nodegroups/default-worker"
	uuids := strings.Fields(c.run(t, "get", "nodes", "-l", "magnum.openstack.org/nodegroup=default-worker", "-o", "jsonpath={.items[*].spec.providerID}"))
	stopped := strings.TrimPrefix(uuids[0], "openstack:///")
	for _, change := range []struct {
		what, method, path string
		body               func() string
	}{
		{"stop", http.MethodPost, group + "/stop_node", func() string { return fmt.Sprintf(`{"node_list": %q}`, stopped) }},
		{"start", http.MethodPost, group + "/start_node", func() string { return fmt.Sprintf(`{"node_list": %q}`, stopped) }},
		{"flavor", http.MethodPatch, group, func() string {
			return fmt.Sprintf(`{"type": "flavor_id", "flavor_id": %q, "num_buffer_nodes": 0}`, s.flavorNamed(t, "m2.c1m2").ID)
		}},
		{"resize down", http.MethodPost, "/v1/clusters/" + c.uuid + "/actions/resize", func() string {
			return fmt.Sprintf(`{"nodegroup": "default-worker", "node_count": 1, "nodes_to_remove": [%q]}`, c.servingNode(t))
		}},
	} {
		begin := time.Now()
		if code, answer := s.call(t, change.method, change.path, change.body()); code != http.StatusAccepted {
			t.Fatalf("%s: %d %s", change.what, code, answer)
		}
		s.await(t, c.uuid, "UPDATE_COMPLETE", 5*time.Minute)
		took := time.Since(begin).Round(100 * time.Millisecond)
		now := c.loaded(t)
		t.Logf("%s took %v; %d requests and %d look-ups so far", change.what, took, now.asked, now.lookedUp)
		if now.failed > 0 || now.unresolved > 0 {
			t.Fatalf("%s: %d requests and %d look-ups failed:\n%s", change.what, now.failed, now.unresolved, c.run(t, "-n", "default", "logs", "load"))
		}
		c.wantDNS(t, 2)
	}
	took := time.Since(began)
	if now := c.loaded(t); float64(now.asked) < 2*45*took.Seconds() || float64(now.lookedUp) < 45*took.Seconds() {
		t.Errorf("only %d requests and %d look-ups in %v: that was no load", now.asked, now.lookedUp, took)
	}
	s.delete(t, c.uuid)
}

// servingNode gives the UUID of a node that pods of the Deployment are on.
func (c *cluster) servingNode(t *testing.T) string {
	t.Helper()
	node := c.run(t, "-n", "default", "get", "pods", "-l", "app=shop", "-o", "jsonpath={.items[0].spec.nodeName}")
	return strings.TrimPrefix(c.run(t, "get", "node", node, "-o", "jsonpath={.spec.providerID}"), "openstack:///")
}

// counts is what the load has asked, and how much of it failed.
type counts struct{ asked, failed, lookedUp, unresolved int }

// loaded gives the load's counts once it has counted again.
func (c *cluster) loaded(t *testing.T) counts {
	t.Helper()
	now := c.counted(t)
	first := now
	harness.Eventually(t, 20*time.Second, "the load goes on", func() error {
		if now = c.counted(t); now.asked <= first.asked || now.lookedUp <= first.lookedUp {
			return fmt.Errorf("it has asked %d times and looked up %d", now.asked, now.lookedUp)
		}
		return nil
	})
	return now
}

func (c *cluster) counted(t *testing.T) (now counts) {
	t.Helper()
	out, err := c.try("-n", "default", "logs", "load", "--tail=50")
	if err != nil {
		t.Logf("the load's log: %v %s", err, out)
		return now
	}
	for line := range strings.Lines(out) {
		_, _ = fmt.Sscanf(line, "asked %d failed %d, looked up %d failed %d", &now.asked, &now.failed, &now.lookedUp, &now.unresolved)
	}
	return now
}
