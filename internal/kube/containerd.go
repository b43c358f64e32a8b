package kube

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hanok/hanok/internal/machine"
)

// Images of the bundle, under their upstream names.
const (
	imagePause         = "registry.k8s.io/pause:3.9"
	imageCoreDNS       = "registry.k8s.io/coredns/coredns:v1.11.3"
	imageMetricsServer = "registry.k8s.io/metrics-server/metrics-server:v0.7.2"
)

// containerdConfig leaves out the plug-ins that no node of ours can use:
// each costs time at every start.
func containerdConfig(f Facts) []byte {
	return fmt.Appendf(nil, `version = 2
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.native",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing",
  "io.containerd.internal.v1.opt",
]

[grpc]
  address = %q

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = %t

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = %q
  conf_dir = "/etc/cni/net.d"

[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "/etc/containerd/certs.d"
`, containerdSock, imagePause, f.RestrictedOOM, f.bundlePath("cni"))
}

// registryFiles tells containerd the mirrors, in its hosts.toml form.
func registryFiles(r Registry) []machine.File {
	var files []machine.File
	for _, host := range slices.Sorted(maps.Keys(r.Mirrors)) {
		var b strings.Builder
		fmt.Fprintf(&b, "server = %q\n", "https://"+host)
		for _, mirror := range r.Mirrors[host] {
			fmt.Fprintf(&b, "\n[host.%q]\n  capabilities = [\"pull\", \"resolve\"]\n", mirror)
		}
		files = append(files, machine.File{
			Path: "/etc/containerd/certs.d/" + host + "/hosts.toml", Mode: 0o644, Content: []byte(b.String()),
		})
	}
	return files
}

// env gives the proxy settings as an environment.
func (r Registry) env() []string {
	var env []string
	for _, v := range []struct{ name, value string }{
		{"HTTP_PROXY", r.HTTPProxy}, {"HTTPS_PROXY", r.HTTPSProxy}, {"NO_PROXY", r.NoProxy},
	} {
		if v.value != "" {
			env = append(env, v.name+"="+v.value)
		}
	}
	return env
}
