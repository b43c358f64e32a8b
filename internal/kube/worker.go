package kube

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/hanok/hanok/internal/machine"
)

// Worker is one worker node.
type Worker struct {
	MachineID  string // UUID
	Name       string
	Address    netip.Addr
	PodCIDR    netip.Prefix
	GroupName  string
	FlavorName string
	Zone       string
	LoginUser  string
	PublicKey  string
	// Scripts run at the first boot, before the machine becomes a node.
	Scripts []machine.Script
	// Registration is how often kubelet was to make its Node object again; with
	// another number it alone starts anew.
	Registration int
}

// userPodRoutes is the user that a control-plane member watches nodes as
// (addons/rbac.yaml).
const userPodRoutes = "hanok:pod-routes"

// WorkerNode gives the desired state of a worker: containerd, kubelet,
// kube-proxy and flannel. They run as processes of the machine rather than
// as pods: nothing has to be scheduled before a node can take pods.
func WorkerNode(f Facts, w Worker) machine.State {
	server := ServerURL(f.Endpoint)
	kubelet := certificate("kubelet-client", "system:node:"+w.Name, "system:nodes")
	serving := machine.Certificate{
		Name: "kubelet-serving", CertPath: pkiDir + "/kubelet-serving.crt", KeyPath: pkiDir + "/kubelet-serving.key",
		CA: machine.CAKubernetes, CommonName: "system:node:" + w.Name, Organizations: []string{"system:nodes"},
		DNSNames: []string{w.Name}, IPs: []string{w.Address.String()}, Server: true,
	}
	proxy := certificate("kube-proxy", "system:kube-proxy")

	apiReady := &machine.Probe{URL: server + "/readyz", CAPath: caPath}
	// kube-proxy looks its node up when it starts, and backs off for seconds
	// when it is not there: it starts when kubelet has registered it.
	registered := &machine.Probe{
		URL: server + "/api/v1/nodes/" + w.Name, CAPath: caPath, CertPath: proxy.CertPath, KeyPath: proxy.KeyPath,
	}
	state := machine.State{
		MachineID:  w.MachineID,
		Hostname:   w.Name,
		LoginUser:  w.LoginUser,
		PublicKey:  w.PublicKey,
		Bundle:     f.Bundle,
		Containerd: true,
		Sysctls: map[string]string{
			"net.ipv4.ip_forward":                 "1",
			"net.bridge.bridge-nf-call-iptables":  "1",
			"net.bridge.bridge-nf-call-ip6tables": "1",
		},
		Files: []machine.File{
			{Path: caPath, Mode: 0o644, Content: f.Secrets[SecretCACert]},
			kubeconfigFile("kubelet", server, kubelet),
			kubeconfigFile("kube-proxy", server, proxy),
			// As the node itself flannel may do what it must from the first
			// moment, and to no other node.
			kubeconfigFile("flannel", server, kubelet),
			{Path: kubeDir + "/kubelet.yaml", Mode: 0o644, Content: kubeletConfig(f, w, serving)},
			{Path: kubeDir + "/kube-proxy.yaml", Mode: 0o644, Content: proxyConfig(f, w)},
			dnsFlows(f),
			{Path: kubeDir + "/flannel.json", Mode: 0o644, Content: flannelConfig(f)},
			{Path: "/etc/containerd/config.toml", Mode: 0o644, Content: containerdConfig(f)},
			// On disk before kubelet starts, so that the node is Ready as soon
			// as it is registered; pods wait for flannel's subnet file.
			{Path: "/etc/cni/net.d/10-flannel.conflist", Mode: 0o644, Content: []byte(cniConfig)},
		},
		Certificates: []machine.Certificate{kubelet, serving, proxy},
	}
	state.Files = append(state.Files, registryFiles(f.Registry)...)
	state.Images = append(bundleImages(), f.LoadedImages...)
	state.Processes = []machine.Process{
		{
			Name:      "containerd",
			Argv:      []string{"/usr/bin/containerd", "--log-level", "warn"},
			Env:       slices.Concat(goRuntime, f.Registry.env()),
			Ready:     &machine.Probe{Unix: containerdSock},
			RestartOn: []string{"/etc/containerd/config.toml"},
		},
		{
			Name: "kubelet",
			Argv: f.kube("kubelet",
				"--config="+kubeDir+"/kubelet.yaml",
				"--kubeconfig="+kubeconfigPath("kubelet"),
				"--hostname-override="+w.Name,
				"--node-ip="+w.Address.String(),
				"--node-labels="+strings.Join(nodeLabels(f, w), ","),
			),
			Env:       w.kubeletEnv(),
			After:     []string{"containerd"},
			WaitFor:   apiReady,
			Ready:     &machine.Probe{URL: "http://127.0.0.1:10248/healthz"},
			RestartOn: []string{kubeDir + "/kubelet.yaml", serving.CertPath, kubelet.CertPath},
		},
		{
			Name:      "flanneld",
			Argv:      flannelArgv(f, w),
			Env:       append(slices.Clone(goRuntime), "NODE_NAME="+w.Name),
			WaitFor:   apiReady,
			Ready:     &machine.Probe{File: "/run/flannel/subnet.env"},
			RestartOn: []string{kubeDir + "/flannel.json"},
		},
		{
			Name:      "kube-proxy",
			Argv:      withDNSFlows(f.kube("kube-proxy", "--config="+kubeDir+"/kube-proxy.yaml")),
			Env:       goRuntime,
			WaitFor:   registered,
			Ready:     &machine.Probe{URL: "http://127.0.0.1:10256/livez"},
			RestartOn: []string{kubeDir + "/kube-proxy.yaml", dnsFlowsPath},
		},
	}
	if len(w.Scripts) > 0 {
		state.Scripts = w.Scripts
		state.AfterScripts = []string{"kubelet", "flanneld", "kube-proxy"}
	}
	return sealed(state)
}

// kubeletEnv names the registration where there was one: what a service began
// that knew of none goes on as it is.
func (w Worker) kubeletEnv() []string {
	if w.Registration == 0 {
		return goRuntime
	}
	return append(slices.Clone(goRuntime), fmt.Sprintf("HANOK_REGISTRATION=%d", w.Registration))
}

func nodeLabels(f Facts, w Worker) []string {
	labels := []string{
		"magnum.openstack.org/nodegroup=" + w.GroupName,
		"magnum.openstack.org/role=worker",
		"node.kubernetes.io/instance-type=" + w.FlavorName,
	}
	if w.Zone != "" {
		labels = append(labels, "topology.kubernetes.io/zone="+w.Zone)
	}
	if f.Region != "" {
		labels = append(labels, "topology.kubernetes.io/region="+f.Region)
	}
	return labels
}

func kubeletConfig(f Facts, w Worker, serving machine.Certificate) []byte {
	gates := ""
	if f.RestrictedOOM {
		gates = "featureGates:\n  KubeletInUserNamespace: true\n"
	}
	return fmt.Appendf(nil, `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: %s}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
clusterDNS: [%q]
clusterDomain: %s
containerRuntimeEndpoint: unix://%s
failSwapOn: false
maxPods: %d
providerID: openstack:///%s
resolvConf: /etc/resolv.conf
serializeImagePulls: false
tlsCertFile: %s
tlsPrivateKeyFile: %s
%s`, caPath, f.dnsAddress(), clusterDomain, containerdSock, f.maxPods(), w.MachineID,
		serving.CertPath, serving.KeyPath, gates)
}

func proxyConfig(f Facts, w Worker) []byte {
	// maxPerCore 0: the host's connection table is shared by all machines and
	// not a node's to size. minSyncPeriod: upstream's second is for thousands of
	// Services; a packet to one that is not known yet is lost, and who looks a
	// name up waits five seconds for another try.
	return fmt.Appendf(nil, `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: %s}
clusterCIDR: %s
conntrack: {maxPerCore: 0, min: 0}
hostnameOverride: %s
iptables: {minSyncPeriod: 200ms}
metricsBindAddress: 127.0.0.1:10249
mode: iptables
`, kubeconfigPath("kube-proxy"), f.PodCIDR, w.Name)
}

func flannelConfig(f Facts) []byte {
	return fmt.Appendf(nil, `{"Network": %q, "Backend": {"Type": "vxlan"}}`+"\n", f.PodCIDR)
}

func flannelArgv(f Facts, w Worker) []string {
	return []string{
		f.bundlePath("bin", "flanneld"),
		"--kubeconfig=" + kubeconfigPath("flannel"),
		"--net-config-path=" + kubeDir + "/flannel.json",
		"--node-name=" + w.Name,
		"--public-ip=" + w.Address.String(),
		"--iface=" + interfaceName,
		"--pod-cidr=" + w.PodCIDR.String(),
	}
}

const cniConfig = `{
  "name": "cbr0",
  "cniVersion": "0.3.1",
  "plugins": [
    {"type": "flannel", "delegate": {"hairpinMode": true, "isDefaultGateway": true}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`

func bundleImages() []machine.Image {
	return []machine.Image{
		{Refs: []string{imagePause}, BundlePath: "images/pause.tar"},
		{Refs: []string{imageCoreDNS}, BundlePath: "images/coredns.tar"},
		{Refs: []string{imageMetricsServer}, BundlePath: "images/metrics-server.tar"},
	}
}
