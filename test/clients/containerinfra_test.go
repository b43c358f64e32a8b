package clients

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/apiversions"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/certificates"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clusters"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clustertemplates"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/nodegroups"

	"github.com/hanok/hanok/test/harness"
)

// containerInfra is one generation of gophercloud. It decodes as its users
// decode; requests and answers are said in the newer generation's types, so
// that what is expected is said once. Its errors give their status to codeOf.
type containerInfra interface {
	create(clusters.CreateOpts) (uuid string, err error)
	get(idOrName string) (clusters.Cluster, error)
	// list reads all pages of the given size; 0 leaves the size open.
	list(pageSize int, detailed bool) (found []clusters.Cluster, pages int, err error)
	remove(id string) error

	groups(cluster string) ([]nodegroups.NodeGroup, error)
	group(cluster, idOrName string) (nodegroups.NodeGroup, error)

	templates() ([]clustertemplates.ClusterTemplate, error)
	template(idOrName string) (clustertemplates.ClusterTemplate, error)
	ca(cluster string) (certificates.Certificate, error)
	sign(certificates.CreateOpts) (certificates.Certificate, error)
	versions() ([]apiversions.APIVersion, error)
	codeOf(err error) int
}

// request is that of a cluster of one worker.
func request(s *harness.Service, name string, labels map[string]string) clusters.CreateOpts {
	timeout, one, yes := 60, 1, true
	c := s.Choice
	return clusters.CreateOpts{
		Name: name, ClusterTemplateID: "iaas_console", CreateTimeout: &timeout, NodeCount: &one, MasterCount: &one,
		FlavorID: c.FlavorID, Keypair: harness.KeypairName, FixedNetwork: c.NetworkID, FixedSubnet: c.SubnetID,
		Labels: labels, MasterLBEnabled: &yes,
	}
}

// labels are those of a create request, as the newer guide has them.
func labels(s *harness.Service) map[string]string {
	c := s.Choice
	return map[string]string{
		"availability_zone": c.Zone, "boot_volume_size": "5", "boot_volume_type": c.VolumeType,
		"ca_enable": "false", "cert_manager_api": "True", "clusterautoscale": "nodegroupfeature",
		"external_network_id": c.ExternalNet, "external_subnet_id_list": c.ExternalSubnet,
		"kube_tag": c.Version, "master_lb_floating_ip_enabled": "true", "node_image": c.ImageID,
	}
}

// groupLabels are those of a node group's create request.
func groupLabels(s *harness.Service) map[string]string {
	c := s.Choice
	return map[string]string{
		"availability_zone": c.Zone, "boot_volume_size": "5", "boot_volume_type": c.VolumeType, "ca_enable": "false",
	}
}

// testContainerInfra goes through every call of a generation that applies.
// shared is a complete cluster of one worker.
func testContainerInfra(t *testing.T, s *harness.Service, api containerInfra, shared string) {
	t.Run("cluster", func(t *testing.T) {
		for _, by := range []string{shared, sharedName} {
			c, err := api.get(by)
			if err != nil {
				t.Fatal(err)
			}
			checkShared(t, s, c, shared)
		}
		_, err := api.get("no-such-cluster")
		wantCode(t, api, err, http.StatusNotFound)
		_, err = api.get("00000000-0000-4000-8000-000000000000")
		wantCode(t, api, err, http.StatusNotFound)
	})
	t.Run("lists", func(t *testing.T) {
		for _, detailed := range []bool{false, true} {
			all, _, err := api.list(0, detailed)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(all, func(c clusters.Cluster) bool { return c.UUID == shared })
			if i < 0 {
				t.Fatalf("the cluster is not in the list (detailed: %t)", detailed)
			}
			if detailed {
				checkShared(t, s, all[i], shared)
			}
		}
	})
	t.Run("node groups", func(t *testing.T) {
		all, err := api.groups(shared)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, g := range all {
			names = append(names, g.Name)
		}
		if !slices.Contains(names, "default-worker") {
			t.Errorf("the groups are %v, want default-worker among them", names)
		}
		g, err := api.group(shared, "default-worker")
		if err != nil {
			t.Fatal(err)
		}
		if g.ClusterID != shared || g.FlavorID != s.Choice.FlavorID || g.ImageID != s.Choice.ImageID || g.Role != "worker" ||
			!g.IsDefault || g.NodeCount != 1 || g.MinNodeCount != 1 || len(g.NodeAddresses) != 1 {
			t.Errorf("the default group is %+v", g)
		}
		for _, label := range []string{"boot_volume_type", "boot_volume_size", "ca_enable", "ca_min_node_count", "ca_max_node_count", "kube_tag"} {
			if g.Labels[label] == "" {
				t.Errorf("the group has no label %s: %v", label, g.Labels)
			}
		}
		_, err = api.group(shared, "no-such-group")
		wantCode(t, api, err, http.StatusNotFound)
		_, err = api.group(shared, "default-master")
		wantCode(t, api, err, http.StatusForbidden)
	})
	t.Run("templates", func(t *testing.T) {
		all, err := api.templates()
		if err != nil || len(all) != 1 || all[0].Name != "iaas_console" {
			t.Errorf("templates are %+v, %v; want iaas_console alone", all, err)
		}
		c, err := api.get(shared)
		if err != nil {
			t.Fatal(err)
		}
		for _, by := range []string{"iaas_console", c.ClusterTemplateID} {
			ct, err := api.template(by)
			if err != nil || ct.COE != "kubernetes" || ct.TLSDisabled {
				t.Errorf("template %s is %+v, %v", by, ct, err)
			}
		}
	})
	t.Run("versions", func(t *testing.T) {
		all, err := api.versions()
		if err != nil || len(all) != 1 || all[0].ID != "v1" {
			t.Errorf("versions are %+v, %v; want v1 alone", all, err)
		}
	})
	t.Run("certificates", func(t *testing.T) { testSigning(t, s, api, shared) })
	t.Run("create and delete", func(t *testing.T) { testCreateAndDelete(t, s, api) })
}

func checkShared(t *testing.T, s *harness.Service, c clusters.Cluster, uuid string) {
	t.Helper()
	if c.UUID != uuid || c.Name != sharedName || c.Status != "CREATE_COMPLETE" || c.FlavorID != s.Choice.FlavorID ||
		c.KeyPair != harness.KeypairName || c.COEVersion != harness.KubeTag || c.StackID == "" || c.ProjectID == "" ||
		c.FixedNetwork != s.Choice.NetworkID || c.FixedSubnet != s.Choice.SubnetID || c.NodeCount != 1 || c.MasterCount != 1 ||
		c.CreateTimeout != 60 || len(c.NodeAddresses) != 1 || !strings.HasPrefix(c.APIAddress, "https://") {
		t.Errorf("the cluster is %+v", c)
	}
	if age := time.Since(c.CreatedAt); age < 0 || age > time.Hour {
		t.Errorf("the cluster was made at %v", c.CreatedAt)
	}
	// What was sent comes back as it was sent: Terraform replaces a cluster
	// on any difference.
	for name, sent := range labels(s) {
		if got := c.Labels[name]; got != sent && name != "clusterautoscale" {
			t.Errorf("label %s is %q, sent was %q", name, got, sent)
		}
	}
}

// testSigning makes a kubeconfig as Terraform's OpenStack provider does, and
// uses it.
func testSigning(t *testing.T, s *harness.Service, api containerInfra, uuid string) {
	ca, err := api.ca(uuid)
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(subject pkix.Name) (certificates.Certificate, error) {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
		if err != nil {
			t.Fatal(err)
		}
		csr := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
		return api.sign(certificates.CreateOpts{ClusterUUID: uuid, CSR: string(csr)})
	}
	_, err = sign(pkix.Name{CommonName: "system:node:x", Organization: []string{"system:nodes"}})
	wantCode(t, api, err, http.StatusForbidden, http.StatusBadRequest)

	signed, err := sign(pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := api.get(uuid)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	b64 := func(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) }
	path := filepath.Join(t.TempDir(), "kubeconfig")
	config := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"x",
		"clusters":[{"name":"x","cluster":{"server":%q,"certificate-authority-data":%q}}],
		"users":[{"name":"x","user":{"client-certificate-data":%q,"client-key-data":%q}}],
		"contexts":[{"name":"x","context":{"cluster":"x","user":"x"}}]}`, c.APIAddress, b64(ca.PEM), b64(signed.PEM), b64(string(keyPEM)))
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	wantReadyNode(t, s, path)
}

// wantReadyNode uses a kubeconfig with kubectl.
func wantReadyNode(t *testing.T, s *harness.Service, kubeconfig string) {
	t.Helper()
	out, err := exec.Command(s.Kubectl, "--kubeconfig", kubeconfig, "get", "nodes", "--no-headers").CombinedOutput()
	if err != nil || !strings.Contains(string(out), " Ready ") {
		t.Errorf("kubectl get nodes: %v\n%s", err, out)
	}
}

// testCreateAndDelete needs no complete cluster: a delete ends its create.
func testCreateAndDelete(t *testing.T, s *harness.Service, api containerInfra) {
	_, err := api.create(request(s, "Not A Name", labels(s)))
	wantCode(t, api, err, http.StatusBadRequest)
	wrong := maps.Clone(labels(s))
	wrong["kube_tag"] = "v0.1.0"
	_, err = api.create(request(s, "wrong", wrong))
	wantCode(t, api, err, http.StatusBadRequest)

	uuid, err := api.create(request(s, "brief", labels(s)))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := api.get(uuid); err != nil || c.Status != "CREATE_IN_PROGRESS" {
		t.Errorf("just created it is %q, %v", c.Status, err)
	}
	all, pages, err := api.list(1, false)
	if err != nil || len(all) < 2 || pages < len(all) {
		t.Errorf("in pages of one there are %d clusters on %d pages, %v", len(all), pages, err)
	}
	for range 2 { // a second DELETE while the first runs is no error
		if err := api.remove(uuid); err != nil && api.codeOf(err) != http.StatusNotFound {
			t.Fatal(err)
		}
	}
	harness.Eventually(t, 60*time.Second, "the cluster is gone", func() error {
		c, err := api.get(uuid)
		if api.codeOf(err) == http.StatusNotFound {
			return nil
		}
		return fmt.Errorf("it is %s, %v", c.Status, err)
	})
}

func wantCode(t *testing.T, api containerInfra, err error, codes ...int) {
	t.Helper()
	if err == nil || !slices.Contains(codes, api.codeOf(err)) {
		t.Errorf("the answer is %v, want %v", err, codes)
	}
}
