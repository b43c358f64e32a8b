package kube

import (
	"encoding/base64"
	"fmt"
	"net/netip"
)

// ServerURL is the URL of an API endpoint.
func ServerURL(endpoint netip.AddrPort) string { return "https://" + endpoint.String() }

// AdminKubeconfig renders the file that GET …/config gives out, in the shape
// of the guide ("Get kubeconfig of a Cluster"): cluster named after the
// cluster, context "default", user "admin".
func AdminKubeconfig(clusterName string, endpoint netip.AddrPort, ca, cert, key []byte) string {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf(`apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %s
    server: %s
  name: %q
contexts:
- context:
    cluster: %q
    user: admin
  name: default
current-context: default
kind: Config
preferences: {}
users:
- name: admin
  user:
    client-certificate-data: %s
    client-key-data: %s
`, b64(ca), ServerURL(endpoint), clusterName, clusterName, b64(cert), b64(key))
}

// componentKubeconfig renders the kubeconfig of a component whose key never
// leaves its machine: it names files, so a renewed certificate is taken up
// without a new kubeconfig.
func componentKubeconfig(server, caPath, certPath, keyPath string) []byte {
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: default
  cluster:
    certificate-authority: %s
    server: %s
contexts:
- name: default
  context:
    cluster: default
    user: default
current-context: default
users:
- name: default
  user:
    client-certificate: %s
    client-key: %s
`, caPath, server, certPath, keyPath)
}
