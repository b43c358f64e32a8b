package kube

import (
	"fmt"
	"net/netip"
	"path"

	"github.com/hanok/hanok/internal/machine"
)

// Facts is everything about a cluster that its machines' states depend on.
type Facts struct {
	Name          string
	UUID          string
	Endpoint      netip.AddrPort
	ServiceCIDR   netip.Prefix
	PodCIDR       netip.Prefix
	PodSubnetSize int // prefix length of each node's pod subnet
	Region        string
	Bundle        machine.Bundle
	// Secrets by the names in pki.go.
	Secrets map[string][]byte
	// Images that users loaded into this cluster, by digest.
	LoadedImages []machine.Image
	Registry     Registry
	// OutsideDNS: the nodes have nameservers, because their subnet has an
	// internet gateway. Without, the cluster resolves its own names alone.
	OutsideDNS bool
	// RestrictedOOM: the host does not let us lower oom_score_adj
	// (no CAP_SYS_RESOURCE, as in containers and CI).
	RestrictedOOM bool
}

// Registry tells nodes how to reach image registries.
type Registry struct {
	// Mirrors maps a registry host to mirror URLs, tried in order.
	Mirrors    map[string][]string
	HTTPProxy  string
	HTTPSProxy string
	NoProxy    string
}

// Where things lie in a machine.
const (
	kubeDir        = "/etc/kubernetes"
	pkiDir         = "/etc/kubernetes/pki"
	caPath         = pkiDir + "/ca.crt"
	clusterDomain  = "cluster.local"
	interfaceName  = "eth0"
	containerdSock = "/run/containerd/containerd.sock"
)

// maxPodsDefault is kubelet's own default, and its tested limit.
const maxPodsDefault = 110

// serviceIP gives the n-th address of the Service range: 1 is the
// `kubernetes` Service, 10 the cluster's DNS.
func (f Facts) serviceIP(n int) netip.Addr {
	a := f.ServiceCIDR.Masked().Addr()
	for range n {
		a = a.Next()
	}
	return a
}

// dnsAddress is the ClusterIP of the cluster's DNS.
func (f Facts) dnsAddress() netip.Addr { return f.serviceIP(10) }

// maxPods is how many pods a node takes: kubelet's default, or as many as its
// pod subnet has addresses for. Network, broadcast and the node's bridge take
// one each.
func (f Facts) maxPods() int {
	return min(maxPodsDefault, 1<<(32-f.PodSubnetSize)-3)
}

// BundlePath gives the path of a bundle's file inside a machine.
func (f Facts) bundlePath(elem ...string) string {
	return path.Join(append([]string{machine.BundlesDir, f.Bundle.Version}, elem...)...)
}

func (f Facts) kube(component string, args ...string) []string {
	return append([]string{f.bundlePath("bin", "kube"), component}, args...)
}

func (f Facts) secretFile(path, secret string) machine.File {
	return machine.File{Path: path, Mode: 0o600, Content: f.Secrets[secret]}
}

func certificate(name, cn string, orgs ...string) machine.Certificate {
	return machine.Certificate{
		Name: name, CertPath: pkiDir + "/" + name + ".crt", KeyPath: pkiDir + "/" + name + ".key",
		CA: machine.CAKubernetes, CommonName: cn, Organizations: orgs, Client: true,
	}
}

func kubeconfigFile(component, server string, c machine.Certificate) machine.File {
	return machine.File{
		Path: kubeconfigPath(component), Mode: 0o600,
		Content: componentKubeconfig(server, caPath, c.CertPath, c.KeyPath),
	}
}

func kubeconfigPath(component string) string {
	return fmt.Sprintf("%s/%s.kubeconfig", kubeDir, component)
}
