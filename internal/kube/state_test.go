package kube

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/hanok/hanok/internal/machine"
)

func testFacts(t *testing.T) Facts {
	t.Helper()
	secrets, err := NewSecrets("c1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return Facts{
		Name: "c1", UUID: "6c1d1d3c-0000-4000-8000-000000000001",
		Endpoint:    netip.MustParseAddrPort("198.18.2.9:6443"),
		ServiceCIDR: netip.MustParsePrefix("10.20.0.0/16"),
		PodCIDR:     netip.MustParsePrefix("10.30.0.0/18"), PodSubnetSize: 26,
		Region:  "RegionOne",
		Bundle:  machine.Bundle{Version: "v1.30.3", Digest: strings.Repeat("ab", 32)},
		Secrets: secrets,
	}
}

func testWorker() Worker {
	return Worker{
		MachineID: "0b0c5d1e-0000-4000-8000-000000000002", Name: "c1-default-w-abc-node-0",
		Address: netip.MustParseAddr("192.168.0.7"), PodCIDR: netip.MustParsePrefix("10.30.0.64/26"), GroupName: "default-worker", FlavorName: "m2.c2m4", Zone: "kr-pub-a",
	}
}

func testMember() Member {
	return Member{MachineID: "m", Name: "c1-master-0", Address: netip.MustParseAddr("198.18.2.10")}
}

func file(t *testing.T, s machine.State, path string) []byte {
	t.Helper()
	for _, f := range s.Files {
		if f.Path == path {
			return f.Content
		}
	}
	t.Fatalf("the state has no file %s", path)
	return nil
}

func process(t *testing.T, s machine.State, name string) machine.Process {
	t.Helper()
	for _, p := range s.Processes {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("the state has no process %s", name)
	return machine.Process{}
}

func TestStatesAreReproducible(t *testing.T) {
	f := testFacts(t)
	if a, b := WorkerNode(f, testWorker()), WorkerNode(f, testWorker()); a.Version != b.Version || a.Version != a.Hash() {
		t.Errorf("the same facts give %s and %s", a.Version, b.Version)
	}
	if a, b := ControlPlane(f, testMember()), ControlPlane(f, testMember()); a.Version != b.Version {
		t.Errorf("the same facts give %s and %s", a.Version, b.Version)
	}
}

// A worker must survive the move of a control-plane member: nothing that it
// holds may name one.
func TestWorkersNameTheEndpointOnly(t *testing.T) {
	text, err := json.Marshal(WorkerNode(testFacts(t), testWorker()))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), testMember().Address.String()) {
		t.Error("a worker's state names a member")
	}
	kubeconfig := string(file(t, WorkerNode(testFacts(t), testWorker()), kubeconfigPath("kubelet")))
	if !strings.Contains(kubeconfig, "https://198.18.2.9:6443") {
		t.Errorf("kubelet's kubeconfig does not name the endpoint:\n%s", kubeconfig)
	}
}

func TestKubeletConfig(t *testing.T) {
	f := testFacts(t)
	for _, restricted := range []bool{false, true} {
		f.RestrictedOOM = restricted
		var config struct {
			ProviderID   string          `json:"providerID"`
			ClusterDNS   []string        `json:"clusterDNS"`
			MaxPods      int             `json:"maxPods"`
			FeatureGates map[string]bool `json:"featureGates"`
		}
		if err := yaml.Unmarshal(file(t, WorkerNode(f, testWorker()), kubeDir+"/kubelet.yaml"), &config); err != nil {
			t.Fatal(err)
		}
		if config.ProviderID != "openstack:///0b0c5d1e-0000-4000-8000-000000000002" {
			t.Errorf("providerID is %q", config.ProviderID)
		}
		if !slices.Equal(config.ClusterDNS, []string{"10.20.0.10"}) {
			t.Errorf("clusterDNS is %v", config.ClusterDNS)
		}
		if config.FeatureGates["KubeletInUserNamespace"] != restricted {
			t.Errorf("restricted %v gives gates %v", restricted, config.FeatureGates)
		}
	}
}

func TestMaxPods(t *testing.T) {
	for size, want := range map[int]int{20: 110, 24: 110, 25: 110, 26: 61, 27: 29, 28: 13} {
		if got := (Facts{PodSubnetSize: size}).maxPods(); got != want {
			t.Errorf("a /%d gives %d pods, want %d", size, got, want)
		}
	}
}

func TestControlPlaneTakesTheRanges(t *testing.T) {
	s := ControlPlane(testFacts(t), testMember())
	for name, flags := range map[string][]string{
		"kube-apiserver": {"--service-cluster-ip-range=10.20.0.0/16", "--advertise-address=198.18.2.9"},
	} {
		argv := process(t, s, name).Argv
		for _, flag := range flags {
			if !slices.Contains(argv, flag) {
				t.Errorf("%s has no %s: %v", name, flag, argv)
			}
		}
	}
	for _, c := range s.Certificates {
		if c.Name == "apiserver" && !slices.Contains(c.IPs, "10.20.0.1") {
			t.Errorf("the API server's certificate does not cover its Service address: %v", c.IPs)
		}
	}
}

func TestSecretFilesAreClosed(t *testing.T) {
	f := testFacts(t)
	for _, s := range []machine.State{ControlPlane(f, testMember()), WorkerNode(f, testWorker())} {
		for _, file := range s.Files {
			if strings.Contains(string(file.Content), "PRIVATE KEY") && file.Mode != 0o600 {
				t.Errorf("%s has mode %o", file.Path, file.Mode)
			}
		}
	}
}

// Workers hold no key of the cluster's authorities.
func TestWorkersHoldNoAuthority(t *testing.T) {
	f := testFacts(t)
	for _, file := range WorkerNode(f, testWorker()).Files {
		if strings.Contains(string(file.Content), "PRIVATE KEY") {
			t.Errorf("%s holds a private key", file.Path)
		}
	}
}

func TestMirrorsAndProxies(t *testing.T) {
	f := testFacts(t)
	f.Registry = Registry{Mirrors: map[string][]string{"docker.io": {"https://mirror.example"}}, HTTPSProxy: "http://proxy.example:3128"}
	s := WorkerNode(f, testWorker())
	if got := string(file(t, s, "/etc/containerd/certs.d/docker.io/hosts.toml")); !strings.Contains(got, `[host."https://mirror.example"]`) {
		t.Errorf("hosts.toml is\n%s", got)
	}
	if env := process(t, s, "containerd").Env; !slices.Contains(env, "HTTPS_PROXY=http://proxy.example:3128") {
		t.Errorf("containerd's environment is %v", env)
	}
}

// TestCorefile: where nodes have no nameservers, CoreDNS forwards to nobody,
// and it says so by leaving the plugin out.
func TestCorefile(t *testing.T) {
	for _, outside := range []bool{true, false} {
		f := testFacts(t)
		f.OutsideDNS = outside
		objects, err := addonObjects(f, 1)
		if err != nil {
			t.Fatal(err)
		}
		corefile := ""
		for _, o := range objects {
			if o.GetKind() == "ConfigMap" && o.GetName() == "coredns" {
				corefile, _, _ = unstructured.NestedString(o.Object, "data", "Corefile")
			}
		}
		if strings.Contains(corefile, "forward . /etc/resolv.conf {") != outside || !strings.Contains(corefile, "kubernetes cluster.local") {
			t.Errorf("with outside DNS %t the Corefile is\n%s", outside, corefile)
		}
		if strings.Count(corefile, "{") != strings.Count(corefile, "}") {
			t.Errorf("braces do not match in\n%s", corefile)
		}
	}
}

func TestAddonObjects(t *testing.T) {
	for workers, want := range map[int]int64{0: 1, 1: 1, 2: 2, 10: 2} {
		objects, err := addonObjects(testFacts(t), workers)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, o := range objects {
			if _, ok := addonResources[o.GroupVersionKind().GroupKind()]; !ok {
				t.Errorf("%s %s has no resource", o.GetKind(), o.GetName())
			}
			if o.GetKind() == "Deployment" && o.GetName() == "coredns" {
				found = true
				spec := o.Object["spec"].(map[string]any)
				if got := spec["replicas"]; got != want {
					t.Errorf("%d workers give %v replicas, want %d", workers, got, want)
				}
			}
		}
		if !found {
			t.Error("no Deployment coredns")
		}
	}
}

// TestRegistrationRestartsKubeletAlone: a node that is to register again keeps
// everything but the process that registers it, and one that never was to has
// the state of a service that knew of no registrations.
func TestRegistrationRestartsKubeletAlone(t *testing.T) {
	f, again := testFacts(t), testWorker()
	again.Registration = 2
	before, after := WorkerNode(f, testWorker()), WorkerNode(f, again)
	was, is := process(t, before, "kubelet"), process(t, after, "kubelet")
	if !slices.Equal(was.Env, goRuntime) || slices.Equal(is.Env, was.Env) || before.Version == after.Version {
		t.Errorf("kubelet's environment is %q, and %q to register again", was.Env, is.Env)
	}
	for i := range after.Processes {
		if p := &after.Processes[i]; p.Name == "kubelet" {
			p.Env = was.Env
		}
	}
	if after.Hash() != before.Hash() {
		t.Error("the registration changes more than kubelet")
	}
}
