package e2e

import (
	"net/netip"
	"strings"
	"testing"
)

func testRanges(t *testing.T, c *cluster) {
	service, pods := netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("10.30.0.0/18")
	for _, ip := range strings.Fields(c.run(t, "get", "services", "-A", "-o", "jsonpath={.items[*].spec.clusterIP}")) {
		if a, err := netip.ParseAddr(ip); err != nil || !service.Contains(a) {
			t.Errorf("ClusterIP %s is not of %s", ip, service)
		}
	}
	for _, n := range c.nodes(t).Items {
		p, err := netip.ParsePrefix(n.Spec.PodCIDR)
		if err != nil || p.Bits() != 26 || !pods.Overlaps(p) {
			t.Errorf("node %s has podCIDR %q, want a /26 of %s", n.Metadata.Name, n.Spec.PodCIDR, pods)
		}
		// 64 addresses less network, broadcast and the node's bridge.
		if got := n.Status.Capacity["pods"]; got != "61" {
			t.Errorf("node %s takes %s pods, want 61", n.Metadata.Name, got)
		}
	}
	ips := strings.Fields(c.run(t, "get", "pods", "-A", "-o", "jsonpath={.items[*].status.podIP}"))
	if len(ips) < 5 {
		t.Errorf("only %d pods have addresses", len(ips))
	}
	for _, ip := range ips {
		if a, err := netip.ParseAddr(ip); err != nil || !pods.Contains(a) {
			t.Errorf("pod address %s is not of %s", ip, pods)
		}
	}
}

func (c *cluster) echoPods(t *testing.T) []pod {
	t.Helper()
	var pods []pod
	out := c.run(t, "-n", "default", "get", "pods", "-l", "app=echo", "-o",
		`jsonpath={range .items[*]}{.metadata.name} {.status.podIP} {.spec.nodeName}{"\n"}{end}`)
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) == 3 {
			pods = append(pods, pod{f[0], f[1], f[2]})
		}
	}
	return pods
}

func testPodNetwork(t *testing.T, c *cluster) {
	pods := c.echoPods(t)
	nodes := map[string]pod{}
	for _, p := range pods {
		nodes[p.node] = p
	}
	if len(pods) != 4 || len(nodes) != 2 {
		t.Fatalf("the Deployment is not spread over both nodes: %v", pods)
	}
	probe := func(from pod, args ...string) string {
		t.Helper()
		return c.run(t, append([]string{"-n", "default", "exec", from.name, "--", "/probe"}, args...)...)
	}
	for _, from := range nodes {
		for _, to := range nodes {
			if got := strings.TrimSpace(probe(from, "get", "http://"+to.ip+":8080/")); got != to.name {
				t.Errorf("%s asked %s and heard %q", from.name, to.name, got)
			}
		}
		if got := strings.TrimSpace(probe(from, "lookup", "echo.default.svc.cluster.local")); !strings.HasPrefix(got, "10.20.") {
			t.Errorf("DNS on %s says %q of the Service", from.node, got)
		}
		if got := probe(from, "get", "http://echo.default/"); !strings.HasPrefix(got, "echo-") {
			t.Errorf("the Service by name answers %q", got)
		}
		// The API answers pods through its Service.
		if out, err := c.try("-n", "default", "exec", from.name, "--", "/probe", "tls", "kubernetes.default.svc:443"); err != nil || !strings.Contains(out, "kube-apiserver") {
			t.Errorf("the API through the kubernetes Service: %v %s", err, out)
		}
	}
	for _, address := range c.show(t).NodeAddresses {
		for _, from := range nodes {
			if got := probe(from, "get", "http://"+address+":30080/"); !strings.HasPrefix(got, "echo-") {
				t.Errorf("NodePort of %s answers %q", address, got)
			}
		}
	}
}

// No system pod may use host networking to get round the pod network.
func testHostNetwork(t *testing.T, c *cluster) {
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct{ HostNetwork bool }
		}
	}
	decode(t, c.run(t, "-n", "kube-system", "get", "pods", "-o", "json"), &list)
	if len(list.Items) < 2 {
		t.Errorf("kube-system has %d pods", len(list.Items))
	}
	for _, p := range list.Items {
		if p.Spec.HostNetwork {
			t.Errorf("pod %s uses the host's network", p.Metadata.Name)
		}
	}
}
