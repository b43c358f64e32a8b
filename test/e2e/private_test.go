package e2e

import (
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/test/harness"
)

// A cluster on a subnet without an internet gateway, with an endpoint inside
// the VPC only: it works, the host does not reach it, and its nodes reach
// nothing outside.
func TestPrivateCluster(t *testing.T) {
	t.Parallel()
	s := startService(t)
	choice, err := s.Client.Choose(t.Context(), client.Wishes{Version: harness.KubeTag, Keypair: harness.KeypairName, Subnet: "isolated"})
	if err != nil {
		t.Fatal(err)
	}
	if choice.InternetGateway {
		t.Fatal("the subnet has an internet gateway")
	}
	r := s.request("private")
	r.fields["fixed_subnet"] = choice.SubnetID
	r.labels["master_lb_floating_ip_enabled"] = "False"
	delete(r.labels, "external_network_id")
	delete(r.labels, "external_subnet_id_list")
	c := s.create(t, r)

	address := strings.TrimPrefix(c.show(t).APIAddress, "https://")
	if conn, err := net.DialTimeout("tcp", address, 2*time.Second); err == nil {
		conn.Close()
		t.Errorf("the host reaches the private endpoint %s", address)
	}
	// From inside the VPC kubectl works.
	out, err := exec.Command("nsenter", "--net="+s.router(t), s.Kubectl, "--kubeconfig", c.kubeconfig, "get", "nodes", "--no-headers").CombinedOutput()
	if err != nil || !strings.Contains(string(out), " Ready ") {
		t.Errorf("from inside the VPC: %v\n%s", err, out)
	}
	// The cluster resolves its own names, without anyone to ask about others.
	out, err = exec.Command("nsenter", "--net="+s.router(t), s.Kubectl, "--kubeconfig", c.kubeconfig,
		"-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=60s").CombinedOutput()
	if err != nil {
		t.Errorf("cluster DNS: %v\n%s", err, out)
	}
	for id := range s.RuncList(t) {
		if !strings.Contains(s.inMachine(t, id, "hostname"), "-node-") {
			continue
		}
		// No DNS is configured, and nothing outside answers: neither the
		// host's own services nor what lies behind it.
		if conf := s.inMachine(t, id, "cat", "/etc/resolv.conf"); strings.Contains(conf, "nameserver") {
			t.Errorf("a node without internet gateway has DNS:\n%s", conf)
		}
		probe := s.inMachine(t, id, "bash", "-c",
			"timeout 2 bash -c '</dev/tcp/203.0.113.1/80' 2>&1; echo $?; timeout 2 bash -c '</dev/tcp/"+hostAddress(t)+"/9511' 2>&1; echo $?")
		for line := range strings.Lines(probe) {
			if strings.TrimSpace(line) == "0" {
				t.Errorf("a node without internet gateway reaches the outside:\n%s", probe)
			}
		}
	}
	s.delete(t, c.uuid)
}

// hostAddress is an address of the host itself that is not loopback.
func hostAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() && !strings.HasPrefix(n.IP.String(), "198.18.") {
			return n.IP.String()
		}
	}
	return "203.0.113.2" // the host has no network; nothing is there to reach
}
