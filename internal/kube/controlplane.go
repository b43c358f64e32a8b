package kube

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/hanok/hanok/internal/machine"
)

// Member is one machine of a control plane.
type Member struct {
	MachineID string // UUID
	Name      string // host name
	Address   netip.Addr
}

// ControlPlane gives the desired state of a control-plane member: etcd, the
// API server, the controller manager and the scheduler. Inside the member
// components use loopback: each member serves itself, and a packet from a
// member to its own endpoint could not find its way back.
func ControlPlane(f Facts, m Member) machine.State {
	const (
		local = "https://127.0.0.1:6443"
		etcd  = "http://127.0.0.1:2379"
		sa    = pkiDir + "/sa.key"
		saPub = pkiDir + "/sa.pub"
		fpCA  = pkiDir + "/front-proxy-ca.crt"
		encr  = kubeDir + "/encryption.yaml"
	)
	serving := machine.Certificate{
		Name: "apiserver", CertPath: pkiDir + "/apiserver.crt", KeyPath: pkiDir + "/apiserver.key",
		CA: machine.CAKubernetes, CommonName: "kube-apiserver", Server: true,
		DNSNames: []string{
			"kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc." + clusterDomain, "localhost",
		},
		IPs: []string{
			f.Endpoint.Addr().String(), f.serviceIP(1).String(), "127.0.0.1", m.Address.String(),
		},
	}
	kubeletClient := certificate("apiserver-kubelet-client", "kube-apiserver-kubelet-client")
	frontProxy := certificate("front-proxy-client", "front-proxy-client")
	frontProxy.CA = machine.CAFrontProxy
	controllerManager := certificate("controller-manager", "system:kube-controller-manager")
	scheduler := certificate("scheduler", "system:kube-scheduler")
	podRoutes := certificate("pod-routes", userPodRoutes)

	apiReady := &machine.Probe{URL: local + "/readyz", CAPath: caPath}
	state := machine.State{
		MachineID: m.MachineID,
		Hostname:  m.Name,
		Bundle:    f.Bundle,
		Files: []machine.File{
			{Path: caPath, Mode: 0o644, Content: f.Secrets[SecretCACert]},
			f.secretFile(pkiDir+"/ca.key", SecretCAKey),
			{Path: fpCA, Mode: 0o644, Content: f.Secrets[SecretFrontProxyCert]},
			f.secretFile(sa, SecretSAKey),
			{Path: saPub, Mode: 0o644, Content: f.Secrets[SecretSAPub]},
			{Path: encr, Mode: 0o600, Content: encryptionConfig(f.Secrets[SecretEncryptionKey])},
			kubeconfigFile("controller-manager", local, controllerManager),
			kubeconfigFile("scheduler", local, scheduler),
		},
		Certificates: []machine.Certificate{serving, kubeletClient, frontProxy, controllerManager, scheduler, podRoutes},
		PodRoutes: &machine.PodRoutes{
			Server: local, CAPath: caPath, CertPath: podRoutes.CertPath, KeyPath: podRoutes.KeyPath,
			Interface: interfaceName, PodCIDR: f.PodCIDR.String(),
		},
	}
	state.Processes = []machine.Process{
		{
			Name: "etcd",
			Argv: []string{
				f.bundlePath("bin", "etcd"),
				"--name=" + m.Name,
				"--data-dir=/var/lib/etcd/data",
				"--listen-client-urls=" + etcd,
				"--advertise-client-urls=" + etcd,
				"--listen-peer-urls=http://127.0.0.1:2380",
				"--initial-advertise-peer-urls=http://127.0.0.1:2380",
				"--initial-cluster=" + m.Name + "=http://127.0.0.1:2380",
				// A member that is alone need not wait a second for an
				// election that it cannot lose.
				"--heartbeat-interval=20",
				"--election-timeout=100",
				"--snapshot-count=10000",
				"--log-level=warn",
			},
			Ready: &machine.Probe{URL: etcd + "/health"},
			Env:   controlPlaneRuntime,
			// etcd closes its database in good order when it is given time.
			StopTimeout: 10,
		},
		{
			Name: "kube-apiserver",
			Argv: f.kube("kube-apiserver",
				"--advertise-address="+f.Endpoint.Addr().String(),
				"--secure-port=6443",
				"--etcd-servers="+etcd,
				"--client-ca-file="+caPath,
				"--tls-cert-file="+serving.CertPath,
				"--tls-private-key-file="+serving.KeyPath,
				"--kubelet-client-certificate="+kubeletClient.CertPath,
				"--kubelet-client-key="+kubeletClient.KeyPath,
				"--kubelet-certificate-authority="+caPath,
				"--kubelet-preferred-address-types=InternalIP",
				"--service-account-issuer=https://kubernetes.default.svc."+clusterDomain,
				"--service-account-key-file="+saPub,
				"--service-account-signing-key-file="+sa,
				"--service-cluster-ip-range="+f.ServiceCIDR.String(),
				"--authorization-mode=Node,RBAC",
				"--enable-admission-plugins=NodeRestriction",
				"--encryption-provider-config="+encr,
				"--requestheader-client-ca-file="+fpCA,
				"--requestheader-allowed-names=front-proxy-client",
				"--requestheader-extra-headers-prefix=X-Remote-Extra-",
				"--requestheader-group-headers=X-Remote-Group",
				"--requestheader-username-headers=X-Remote-User",
				"--proxy-client-cert-file="+frontProxy.CertPath,
				"--proxy-client-key-file="+frontProxy.KeyPath,
				// The control plane has routes to pods but no kube-proxy.
				"--enable-aggregator-routing=true",
				"--allow-privileged=true",
				"--profiling=false",
			),
			Env:         controlPlaneRuntime,
			WaitFor:     &machine.Probe{TCP: "127.0.0.1:2379"},
			Ready:       apiReady,
			StopTimeout: 10,
			RestartOn:   []string{encr, saPub, fpCA},
		},
		{
			Name: "kube-controller-manager",
			Argv: f.kube("kube-controller-manager",
				"--kubeconfig="+kubeconfigPath("controller-manager"),
				"--authentication-kubeconfig="+kubeconfigPath("controller-manager"),
				"--authorization-kubeconfig="+kubeconfigPath("controller-manager"),
				"--bind-address=127.0.0.1",
				// Nodes come with their pod CIDRs (hanok.PodSubnet): upstream's
				// allocator begins by sleeping ten seconds, and the controllers
				// behind it wait with it.
				"--allocate-node-cidrs=false",
				"--service-cluster-ip-range="+f.ServiceCIDR.String(),
				"--cluster-name="+f.Name,
				"--root-ca-file="+caPath,
				"--client-ca-file="+caPath,
				"--requestheader-client-ca-file="+fpCA,
				"--cluster-signing-cert-file="+caPath,
				"--cluster-signing-key-file="+pkiDir+"/ca.key",
				"--service-account-private-key-file="+sa,
				"--use-service-account-credentials=true",
				// Each controller makes its own account and token when it
				// starts; upstream's 20 requests a second spread that over
				// five seconds.
				"--kube-api-qps=200",
				"--kube-api-burst=400",
				"--leader-elect=false",
				"--profiling=false",
			),
			Env:     controlPlaneRuntime,
			WaitFor: apiReady,
			Ready:   &machine.Probe{TCP: "127.0.0.1:10257"},
		},
		{
			Name: "kube-scheduler",
			Argv: f.kube("kube-scheduler",
				"--kubeconfig="+kubeconfigPath("scheduler"),
				"--authentication-kubeconfig="+kubeconfigPath("scheduler"),
				"--authorization-kubeconfig="+kubeconfigPath("scheduler"),
				"--bind-address=127.0.0.1",
				"--leader-elect=false",
				"--profiling=false",
			),
			Env:     controlPlaneRuntime,
			WaitFor: apiReady,
			Ready:   &machine.Probe{TCP: "127.0.0.1:10259"},
		},
	}
	return sealed(state)
}

// goRuntime trades a little CPU for a smaller heap: most clusters idle most
// of the time, and memory is what limits how many fit on a machine.
var goRuntime = []string{"GOGC=50"}

// controlPlaneRuntime also leaves out the record of where memory was allocated:
// nobody can ask these programs for a profile.
var controlPlaneRuntime = append(slices.Clone(goRuntime), "GODEBUG=memprofilerate=0")

// encryptionConfig encrypts Secrets at rest; identity stays readable so that
// a datastore restored from before could be migrated.
func encryptionConfig(key []byte) []byte {
	return fmt.Appendf(nil, `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: ["secrets"]
  providers:
  - secretbox:
      keys:
      - name: key1
        secret: %s
  - identity: {}
`, key)
}

// sealed puts the state's lists in a stable order where order has no meaning
// and sets its version.
func sealed(s machine.State) machine.State {
	slices.SortFunc(s.Files, func(a, b machine.File) int { return compare(a.Path, b.Path) })
	s.Version = s.Hash()
	return s
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
