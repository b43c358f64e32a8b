package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/test/harness"
)

// TestChangeOfFlavor changes a node's size under it: it keeps its identity,
// volumes and first boot, and Kubernetes sees the new size. A changed script
// reaches nodes that are made later, and those alone.
func TestChangeOfFlavor(t *testing.T) {
	t.Parallel()
	s := startService(t)
	r := s.request("resized")
	r.labels["user_script_v2"] = "#!/bin/sh\necho first\n"
	r.labels["extra_volumes"] = []map[string]any{{"volume_type": "General HDD", "volume_size": 1, "volume_mount_path": "/srv/data"}}
	c := s.create(t, r)
	node := s.workerName(t, c)
	shell := func(node, command string) string {
		return strings.TrimSpace(s.Hanok(t, "node", "shell", node, "--state-dir", s.Dir, "--", "sh", "-c", command))
	}
	shell(node, "echo kept > /srv/data/kept; stat -c %Y.%i /var/log/userscript_v2.exitcode > /srv/data/ran; sync")
	before := c.nodes(t).Items[0]

	group := "/v1/clusters/" + c.uuid + "/nodegroups/default-worker"
	if code, body := s.call(t, http.MethodPost, group+"/userscript", `{"contents": "#!/bin/sh\necho second\n"}`); code != http.StatusAccepted {
		t.Fatalf("the change of the script: %d %s", code, body)
	}
	flavor := s.flavorNamed(t, "t2.c1m1")
	begin := time.Now()
	if code, body := s.call(t, http.MethodPatch, group, fmt.Sprintf(`{"type": "flavor_id", "flavor_id": %q, "num_buffer_nodes": 1}`, flavor.ID)); code != http.StatusAccepted {
		t.Fatalf("the change of the flavor: %d %s", code, body)
	}
	if code, body := s.call(t, http.MethodPatch, group, fmt.Sprintf(`{"type": "flavor_id", "flavor_id": %q}`, s.Flavor.ID)); code != http.StatusConflict {
		t.Errorf("a second change meanwhile: %d %s", code, body)
	}
	// The service dies in the middle, and goes on when it is back.
	harness.Eventually(t, time.Minute, "the node is being renewed", func() error {
		events, err := s.Client.Events(t.Context(), c.uuid)
		if err != nil {
			return err
		}
		for _, e := range events {
			if e.Type == "NODEGROUP_UPDATE_FLAVOR" && !strings.Contains(e.Contents, "renewing nodes") {
				return fmt.Errorf("it is at %q", e.Contents)
			}
		}
		return nil
	})
	s.Kill(t)
	s.Start(t)
	s.await(t, c.uuid, "UPDATE_COMPLETE", 2*time.Minute)
	t.Logf("flavor of one node changed, with one buffer, in %v", time.Since(begin).Round(10*time.Millisecond))

	after := c.nodes(t)
	if len(after.Items) != 1 || s.machines(t) != 2 {
		t.Fatalf("%d nodes and %d machines, want 1 and 2", len(after.Items), s.machines(t))
	}
	n := after.Items[0]
	if n.Metadata.Name != node || n.Spec.ProviderID != before.Spec.ProviderID || n.Spec.PodCIDR != before.Spec.PodCIDR {
		t.Errorf("the node was %+v and is %+v", before, n)
	}
	if n.Status.Capacity["cpu"] != fmt.Sprint(flavor.VCPUs) || mebibytes(t, n.Status.Capacity["memory"]) != flavor.RAM {
		t.Errorf("the node's capacity is %v, want %d CPUs and %d MiB", n.Status.Capacity, flavor.VCPUs, flavor.RAM)
	}
	if got := n.Metadata.Labels["node.kubernetes.io/instance-type"]; got != flavor.Name {
		t.Errorf("the node's label says flavor %q", got)
	}
	if got := shell(node, "cat /srv/data/kept; stat -c %Y.%i /var/log/userscript_v2.exitcode | diff - /srv/data/ran && cat /var/log/userscript_v2.output"); got != "kept\nfirst" {
		t.Errorf("on the node there is %q", got)
	}
	if shown := s.show(t, c.uuid); shown.FlavorID != flavor.ID || shown.NodeCount != 1 {
		t.Errorf("the cluster shows flavor %s and %d nodes", shown.FlavorID, shown.NodeCount)
	}

	if err := s.Client.Resize(t.Context(), c.uuid, "", 2, nil); err != nil {
		t.Fatal(err)
	}
	s.await(t, c.uuid, "UPDATE_COMPLETE", 2*time.Minute)
	for _, n := range c.nodes(t).Items {
		want := "second"
		if n.Metadata.Name == node {
			want = "first"
		}
		if got := shell(n.Metadata.Name, "cat /var/log/userscript_v2.output"); got != want {
			t.Errorf("the script of %s said %q, want %q", n.Metadata.Name, got, want)
		}
	}
	s.delete(t, c.uuid)
}

// call sends a request as the account and gives status and body.
func (s *service) call(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	token := s.token(t)
	code, _, answer := s.api(t, method, path, token, []byte(body))
	return code, answer
}

func (s *service) flavorNamed(t *testing.T, name string) client.Flavor {
	t.Helper()
	flavors, err := s.Client.Flavors(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range flavors {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("there is no flavor %s", name)
	return client.Flavor{}
}
