package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/test/harness"
)

// TestDNSFollowsTheNodes: CoreDNS has one replica on one node and two on two
// nodes, on each one, as nodes come and go, and one that serves at any time;
// a number that a user set stays.
func TestDNSFollowsTheNodes(t *testing.T) {
	t.Parallel()
	s := startService(t)
	c := s.create(t, s.request("dns"))
	c.wantDNS(t, 1)
	resize := func(count int) {
		t.Helper()
		if err := s.Client.Resize(t.Context(), c.uuid, "", count, nil); err != nil {
			t.Fatal(err)
		}
		s.await(t, c.uuid, "UPDATE_COMPLETE", 2*time.Minute)
	}

	ended := c.watchDNS(t)
	group := "/v1/clusters/" + c.uuid + "/nodegroups/default-worker"
	body := fmt.Sprintf(`{"type": "flavor_id", "flavor_id": %q, "num_buffer_nodes": 1}`, s.flavorNamed(t, "t2.c1m1").ID)
	if code, answer := s.call(t, http.MethodPatch, group, body); code != http.StatusAccepted {
		t.Fatalf("change of flavor: %d %s", code, answer)
	}
	s.await(t, c.uuid, "UPDATE_COMPLETE", 2*time.Minute)
	c.wantDNS(t, 1)
	resize(2)
	c.wantDNS(t, 2)
	resize(1)
	c.wantDNS(t, 1)
	for _, ready := range ended() {
		if ready != "1" && ready != "2" {
			t.Errorf("for a while %q replicas of CoreDNS were ready", ready)
		}
	}

	c.run(t, "-n", "kube-system", "scale", "deployment/coredns", "--replicas=3")
	resize(2)
	if got := c.run(t, "-n", "kube-system", "get", "deployment", "coredns", "-o", "jsonpath={.spec.replicas}"); got != "3" {
		t.Errorf("CoreDNS has %s replicas, a user had set 3", got)
	}
	s.delete(t, c.uuid)
}

// wantDNS waits until CoreDNS has so many replicas that serve, each on a node
// of its own.
func (c *cluster) wantDNS(t *testing.T, replicas int) {
	t.Helper()
	harness.Eventually(t, time.Minute, fmt.Sprintf("CoreDNS serves from %d nodes", replicas), func() error {
		out, err := c.try("-n", "kube-system", "get", "pods", "-l", "k8s-app=kube-dns", "-o",
			`jsonpath={range .items[*]}{.spec.nodeName} {.status.conditions[?(@.type=="Ready")].status}{.metadata.deletionTimestamp}{"\n"}{end}`)
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		nodes := map[string]bool{}
		pods := strings.Split(strings.TrimSpace(out), "\n")
		for _, pod := range pods {
			if node, state, _ := strings.Cut(pod, " "); node != "" && state == "True" {
				nodes[node] = true
			}
		}
		if len(pods) != replicas || len(nodes) != replicas {
			return fmt.Errorf("its pods are\n%s", out)
		}
		return nil
	})
}

// watchDNS notes how many replicas of CoreDNS are ready, whenever that changes,
// until the function that it returns is called.
func (c *cluster) watchDNS(t *testing.T) (ended func() []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	watch := exec.CommandContext(ctx, c.svc.Kubectl, "--kubeconfig", c.kubeconfig, "-n", "kube-system",
		"get", "deployment", "coredns", "--watch", "-o", `jsonpath={.status.readyReplicas}{"\n"}`)
	watch.Stdout = &out
	if err := watch.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = watch.Wait() // it is killed
	}()
	t.Cleanup(func() { cancel(); <-done })
	return func() []string {
		t.Helper()
		select {
		case <-done:
			t.Error("the watch of CoreDNS ended by itself")
		default:
		}
		cancel()
		<-done
		seen := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(seen) < 3 {
			t.Errorf("only %q was seen of CoreDNS' replicas", seen)
		}
		return seen
	}
}
