package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/hanok/hanok/test/harness"
)

// What a cluster must be able to do, tried on one real cluster of two
// workers with ranges of its own.
func TestCluster(t *testing.T) {
	t.Parallel()
	s := startService(t)
	body := s.request("workload")
	body.nodes = "2" // the guide says String
	body.labels["service_cluster_ip_range"] = "10.20.0.0/16"
	body.labels["pods_network_cidr"] = "10.30.0.0/18"
	body.labels["pods_network_subnet"] = "26"
	c := s.create(t, body)
	s.loadProbe(t, c)

	c.apply(t, "default", render(t, "workload.yaml", nil))
	c.run(t, "-n", "default", "rollout", "status", "deployment/echo", "--timeout=120s")
	c.run(t, "-n", "default", "wait", "--for=condition=Ready", "pod/volumes", "--timeout=60s")
	c.run(t, "-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s")

	t.Run("nodes", func(t *testing.T) { testNodes(t, s, c) })
	t.Run("ranges", func(t *testing.T) { testRanges(t, c) })
	t.Run("network", func(t *testing.T) { testPodNetwork(t, c) })
	t.Run("kubectl", func(t *testing.T) { testKubectl(t, c) })
	t.Run("volumes", func(t *testing.T) { testVolumes(t, c) })
	t.Run("webhook and aggregated API", func(t *testing.T) { testExtensions(t, c) })
	t.Run("tokens", func(t *testing.T) { testServiceAccountTokens(t, c) })
	t.Run("top", func(t *testing.T) { testTop(t, c) })
	t.Run("ssh", func(t *testing.T) { testSSH(t, s, c) })
	t.Run("host network", func(t *testing.T) { testHostNetwork(t, c) })
	// Last: it moves pods.
	t.Run("drain", func(t *testing.T) { testDrain(t, c) })
}

type nodeList struct {
	Items []node `json:"items"`
}

// node is a Node object.
type node struct {
	Metadata struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		ProviderID    string `json:"providerID"`
		PodCIDR       string `json:"podCIDR"`
		Unschedulable bool   `json:"unschedulable"`
	} `json:"spec"`
	Status struct {
		Capacity   map[string]string `json:"capacity"`
		NodeInfo   struct{ SystemUUID, KubeletVersion string }
		Addresses  []struct{ Type, Address string } `json:"addresses"`
		Conditions []struct{ Type, Status string }  `json:"conditions"`
	} `json:"status"`
}

func (n node) ready() bool {
	for _, c := range n.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True"
		}
	}
	return false
}

func (c *cluster) nodes(t *testing.T) nodeList {
	t.Helper()
	var list nodeList
	decode(t, c.run(t, "get", "nodes", "-o", "json"), &list)
	return list
}

func testNodes(t *testing.T, s *service, c *cluster) {
	shown := s.show(t, c.uuid)
	servers, err := s.Client.Servers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]string{}
	for _, server := range servers {
		byName[server.Name] = server.ID
	}
	var addresses []string
	nodes := c.nodes(t)
	if len(nodes.Items) != 2 {
		t.Fatalf("the cluster has %d nodes, want 2", len(nodes.Items))
	}
	for _, n := range nodes.Items {
		id := byName[n.Metadata.Name]
		if id == "" {
			t.Errorf("node %s is no server: %v", n.Metadata.Name, byName)
		}
		if n.Spec.ProviderID != "openstack:///"+id {
			t.Errorf("node %s has providerID %s, want its machine %s", n.Metadata.Name, n.Spec.ProviderID, id)
		}
		if !strings.EqualFold(n.Status.NodeInfo.SystemUUID, id) {
			t.Errorf("node %s has systemUUID %s, want %s", n.Metadata.Name, n.Status.NodeInfo.SystemUUID, id)
		}
		if n.Status.NodeInfo.KubeletVersion != shown.COEVersion {
			t.Errorf("node %s runs %s, want %s", n.Metadata.Name, n.Status.NodeInfo.KubeletVersion, shown.COEVersion)
		}
		if got := n.Status.Capacity["cpu"]; got != fmt.Sprint(s.Flavor.VCPUs) {
			t.Errorf("node %s has %s CPUs, want %d", n.Metadata.Name, got, s.Flavor.VCPUs)
		}
		if got := mebibytes(t, n.Status.Capacity["memory"]); got != s.Flavor.RAM {
			t.Errorf("node %s has %d MiB, want %d", n.Metadata.Name, got, s.Flavor.RAM)
		}
		if got := n.Metadata.Labels["magnum.openstack.org/nodegroup"]; got != "default-worker" {
			t.Errorf("node %s is of group %q", n.Metadata.Name, got)
		}
		for _, a := range n.Status.Addresses {
			if a.Type == "InternalIP" {
				addresses = append(addresses, a.Address)
			}
		}
	}
	want := slices.Clone(shown.NodeAddresses)
	slices.Sort(want)
	slices.Sort(addresses)
	if !slices.Equal(addresses, want) {
		t.Errorf("Kubernetes has addresses %v, node_addresses is %v", addresses, want)
	}
}

type pod struct{ name, ip, node string }

func testKubectl(t *testing.T, c *cluster) {
	p := c.echoPods(t)[0]
	if got := c.run(t, "-n", "default", "logs", p.name); !strings.Contains(got, "probe: serving") {
		t.Errorf("logs are %q", got)
	}
	dir := t.TempDir()
	from, back := filepath.Join(dir, "from"), filepath.Join(dir, "back")
	if err := os.WriteFile(from, []byte("through a pod\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.run(t, "cp", from, "default/"+p.name+":/tmp/copied")
	c.run(t, "cp", "default/"+p.name+":/tmp/copied", back)
	if got, err := os.ReadFile(back); err != nil || string(got) != "through a pod\n" {
		t.Errorf("cp there and back gives %q, %v", got, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, c.svc.Kubectl, "--kubeconfig", c.kubeconfig, "-n", "default", "port-forward", "pod/"+p.name, ":8080")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	var port int
	if _, err := fmt.Fscanf(out, "Forwarding from 127.0.0.1:%d", &port); err != nil {
		t.Fatalf("port-forward: %v", err)
	}
	res, err := http.Get("http://" + net.JoinHostPort("127.0.0.1", fmt.Sprint(port)) + "/")
	if err != nil {
		t.Fatalf("port-forward: %v", err)
	}
	defer res.Body.Close()
	if got, _ := io.ReadAll(res.Body); strings.TrimSpace(string(got)) != p.name {
		t.Errorf("port-forward reached %q, want %s", got, p.name)
	}
}

func testVolumes(t *testing.T, c *cluster) {
	c.run(t, "-n", "default", "exec", "volumes", "--", "sh", "-c", "echo kept > /scratch/a && echo kept > /node/b")
	if got := c.run(t, "-n", "default", "exec", "volumes", "--", "cat", "/scratch/a", "/node/b"); got != "kept\nkept\n" {
		t.Errorf("the volumes hold %q", got)
	}
}

func testExtensions(t *testing.T, c *cluster) {
	const ns = "extensions"
	c.run(t, "create", "namespace", ns)
	pki := newTestPKI(t, "webhook."+ns+".svc", "apiserver."+ns+".svc")
	values := map[string]string{"Namespace": ns, "CA": pki.ca, "Cert": pki.cert, "Key": pki.key}
	c.apply(t, ns, render(t, "webhook.yaml", values))
	c.run(t, "-n", ns, "wait", "--for=condition=Ready", "pod/webhook", "pod/apiserver", "--timeout=60s")
	c.run(t, "wait", "--for=condition=Available", "apiservice/v1.probe.hanok.test", "--timeout=60s")
	if got := c.run(t, "get", "--raw", "/apis/probe.hanok.test/v1/greetings/hello"); !strings.Contains(got, "good morning") {
		t.Errorf("the aggregated API says %s", got)
	}
	c.apply(t, ns, render(t, "webhook-configuration.yaml", values))
	refused := `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"no","annotations":{"probe.hanok.test/refuse":"yes"}}}`
	harness.Eventually(t, 20*time.Second, "the webhook refuses", func() error {
		out, err := c.tryStdin(refused, "-n", ns, "create", "-f", "-")
		if err == nil {
			c.run(t, "-n", ns, "delete", "configmap", "no")
			return fmt.Errorf("it was created: %s", out)
		}
		if !strings.Contains(out, "the probe refuses this object") {
			return fmt.Errorf("refused otherwise: %s", out)
		}
		return nil
	})
	c.run(t, "-n", ns, "create", "configmap", "yes")
}

func testServiceAccountTokens(t *testing.T, c *cluster) {
	token := strings.TrimSpace(c.run(t, "-n", "default", "create", "token", "default"))
	review := fmt.Sprintf(`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":%q}}`, token)
	out, err := c.tryStdin(review, "create", "-f", "-", "-o", "json")
	if err != nil {
		t.Fatalf("token review: %v\n%s", err, out)
	}
	var got struct {
		Status struct {
			Authenticated bool                      `json:"authenticated"`
			User          struct{ Username string } `json:"user"`
		} `json:"status"`
	}
	decode(t, out, &got)
	if !got.Status.Authenticated || got.Status.User.Username != "system:serviceaccount:default:default" {
		t.Errorf("the token is %+v", got.Status)
	}
}

func testTop(t *testing.T, c *cluster) {
	harness.Eventually(t, 90*time.Second, "kubectl top nodes", func() error {
		out, err := c.try("top", "nodes", "--no-headers")
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		if n := strings.Count(out, "%"); n < 4 || strings.Contains(out, "<unknown>") {
			return fmt.Errorf("not both nodes yet: %s", out)
		}
		return nil
	})
}

func testDrain(t *testing.T, c *cluster) {
	node := c.nodes(t).Items[0].Metadata.Name
	// minAvailable is 3 of 4, and the spread forbids more than one node more
	// than the other: with one node cordoned the evicted pods cannot come
	// back, so the budget must stop the drain after one eviction.
	out, err := c.try("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=8s", "--pod-selector=app=echo")
	if err == nil {
		t.Errorf("the drain broke the budget:\n%s", out)
	}
	if !strings.Contains(out, "disruption budget") {
		t.Errorf("the drain says nothing of the budget:\n%s", out)
	}
	running := strings.Fields(c.run(t, "-n", "default", "get", "pods", "-l", "app=echo", "--field-selector=status.phase=Running", "-o", "name"))
	if len(running) < 3 {
		t.Errorf("%d pods run, the budget wants 3", len(running))
	}
	c.run(t, "uncordon", node)
	c.run(t, "-n", "default", "rollout", "status", "deployment/echo", "--timeout=60s")
}

func mebibytes(t *testing.T, quantity string) int {
	t.Helper()
	q, err := resource.ParseQuantity(quantity)
	if err != nil {
		t.Fatalf("memory %q: %v", quantity, err)
	}
	return int(q.Value() >> 20)
}

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
}
