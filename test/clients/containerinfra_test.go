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

	"github.com/hanok/hanok/test/harness"
)

// containerInfra is one generation of gophercloud, in its own types inside
// and decoding as its users decode. Its errors give their status to codeOf.
type containerInfra interface {
	create(name string, labels map[string]string) (uuid string, err error)
	get(idOrName string) (cluster, error)
	// list reads all pages of the given size; 0 leaves the size open.
	list(pageSize int, detailed bool) (found []cluster, pages int, err error)
	remove(id string) error

	groups(cluster string) ([]group, error)
	group(cluster, idOrName string) (group, error)

	templates() (names []string, err error)
	template(idOrName string) (coe string, tlsDisabled bool, err error)
	ca(cluster string) (pem string, err error)
	sign(cluster, csr string) (pem string, err error)
	versions() (ids []string, err error)
	codeOf(err error) int
}

// cluster is what every generation knows of one.
type cluster struct {
	UUID, Name, Status, ProjectID, FlavorID, KeyPair, APIAddress, COEVersion, StackID, TemplateID string
	FixedNetwork, FixedSubnet, HealthStatus, StatusReason                                         string
	NodeCount, MasterCount, CreateTimeout                                                         int
	Labels                                                                                        map[string]string
	NodeAddresses                                                                                 []string
	CreatedAt                                                                                     time.Time
}

type group struct {
	UUID, Name, ClusterID, FlavorID, ImageID, Role, Status, StatusReason string
	NodeCount, MinNodeCount, MaxNodeCount                                int
	IsDefault                                                            bool
	Labels                                                               map[string]string
	NodeAddresses                                                        []string
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
			i := slices.IndexFunc(all, func(c cluster) bool { return c.UUID == shared })
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
		names, err := api.templates()
		if err != nil || !slices.Equal(names, []string{"iaas_console"}) {
			t.Errorf("templates are %v, %v", names, err)
		}
		c, err := api.get(shared)
		if err != nil {
			t.Fatal(err)
		}
		for _, by := range []string{"iaas_console", c.TemplateID} {
			coe, tlsDisabled, err := api.template(by)
			if err != nil || coe != "kubernetes" || tlsDisabled {
				t.Errorf("template %s is of %q, TLS disabled %t, %v", by, coe, tlsDisabled, err)
			}
		}
	})
	t.Run("versions", func(t *testing.T) {
		ids, err := api.versions()
		if err != nil || !slices.Equal(ids, []string{"v1"}) {
			t.Errorf("versions are %v, %v; want v1", ids, err)
		}
	})
	t.Run("certificates", func(t *testing.T) { testSigning(t, s, api, shared) })
	t.Run("create and delete", func(t *testing.T) { testCreateAndDelete(t, s, api) })
}

func checkShared(t *testing.T, s *harness.Service, c cluster, uuid string) {
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
	csr := func(subject pkix.Name) string {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	}
	_, err = api.sign(uuid, csr(pkix.Name{CommonName: "system:node:x", Organization: []string{"system:nodes"}}))
	wantCode(t, api, err, http.StatusForbidden, http.StatusBadRequest)

	signed, err := api.sign(uuid, csr(pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}}))
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
		"contexts":[{"name":"x","context":{"cluster":"x","user":"x"}}]}`, c.APIAddress, b64(ca), b64(signed), b64(string(keyPEM)))
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
	_, err := api.create("Not A Name", labels(s))
	wantCode(t, api, err, http.StatusBadRequest)
	wrong := maps.Clone(labels(s))
	wrong["kube_tag"] = "v0.1.0"
	_, err = api.create("wrong", wrong)
	wantCode(t, api, err, http.StatusBadRequest)

	uuid, err := api.create("brief", labels(s))
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
