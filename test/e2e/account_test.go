package e2e

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/hanok/hanok/internal/client"
)

// account is a user in a project, with a key pair of its own.
type account struct {
	project string
	env     []string // OS_* variables
	client  *client.Client
	keyFile string // private key of its key pair
	choice  client.Choice
	flavor  client.Flavor
}

const keypairName = "e2e"

// login makes the installation's first user the one that the service acts for.
func (s *service) login(t *testing.T) {
	t.Helper()
	password, err := os.ReadFile(filepath.Join(s.dir, "initial-password"))
	if err != nil {
		t.Fatal(err)
	}
	s.account = s.accountOf(t, "admin", "demo", strings.TrimSpace(string(password)))
}

// newProject makes a project with a user of its own, and gives the service as
// that user sees it.
func (s *service) newProject(t *testing.T, project string) *service {
	t.Helper()
	s.hanok(t, "project", "create", project, "--state-dir", s.dir)
	password := strings.TrimSpace(s.hanok(t, "user", "create", project+"-user", "--project", project, "--state-dir", s.dir))
	other := *s
	other.account = s.accountOf(t, project+"-user", project, password)
	return &other
}

func (s *service) accountOf(t *testing.T, user, project, password string) account {
	t.Helper()
	vars := map[string]string{
		"OS_AUTH_URL": s.url + "/identity/v3", "OS_USERNAME": user, "OS_PASSWORD": password, "OS_PROJECT_NAME": project,
		"OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default", "OS_IDENTITY_API_VERSION": "3",
	}
	a := account{project: project}
	for k, v := range vars {
		a.env = append(a.env, k+"="+v)
	}
	options, err := client.OptionsFromEnv(func(name string) string { return vars[name] })
	if err != nil {
		t.Fatal(err)
	}
	if a.client, err = client.New(options); err != nil {
		t.Fatal(err)
	}
	a.keyFile = filepath.Join(s.dir, "key-"+project)
	if _, err := os.Stat(a.keyFile); err != nil {
		public := newKey(t, a.keyFile)
		if _, err := a.client.CreateKeypair(t.Context(), keypairName, public); err != nil {
			t.Fatal(err)
		}
	}
	if a.choice, err = a.client.Choose(t.Context(), client.Wishes{Version: kubeTag, Keypair: keypairName}); err != nil {
		t.Fatal(err)
	}
	flavors, err := a.client.Flavors(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range flavors {
		if f.ID == a.choice.FlavorID {
			a.flavor = f
		}
	}
	return a
}

func newKey(t *testing.T, path string) (public string) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, pem.EncodeToMemory(block))
	sshPub, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sshPub)))
}

// token gives a token of the account, as its client gets it.
func (s *service) token(t *testing.T) string {
	t.Helper()
	token, _, _, _, err := s.client.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// request gives the guide's create request with the catalogue's ids, for one
// worker and a public endpoint.
func (s *service) request(name string) *createRequest {
	c := s.choice
	return &createRequest{
		name: name, nodes: 1,
		fields: map[string]any{
			"cluster_template_id": "iaas_console", "create_timeout": 60, "keypair": c.Keypair,
			"flavor_id": c.FlavorID, "fixed_network": c.NetworkID, "fixed_subnet": c.SubnetID,
		},
		labels: map[string]any{
			"availability_zone": c.Zone, "boot_volume_size": "5", "boot_volume_type": c.VolumeType,
			"ca_enable": "false", "cert_manager_api": "True", "clusterautoscale": "nodegroupfeature",
			"external_network_id": c.ExternalNet, "external_subnet_id_list": c.ExternalSubnet,
			"kube_tag": c.Version, "master_lb_floating_ip_enabled": "true", "node_image": c.ImageID,
		},
	}
}

// testSSH logs in to a node as the image's user with the key pair's key, from
// inside the VPC.
func testSSH(t *testing.T, s *service, c *cluster) {
	address := c.show(t).NodeAddresses[0]
	router := s.router(t)
	cmd := exec.Command("nsenter", "--net="+router, "ssh", "-i", s.keyFile, "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "debian@"+address, "id -un; sudo -n id -un; ls /work /root/.ssh 2>&1 | head -3")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("ssh: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "debian\nroot\n") {
		t.Errorf("ssh says %s", out)
	}
	// Another key opens nothing.
	stranger := filepath.Join(t.TempDir(), "key")
	newKey(t, stranger)
	out, err = exec.Command("nsenter", "--net="+router, "ssh", "-i", stranger, "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "debian@"+address, "true").CombinedOutput()
	if err == nil {
		t.Errorf("a stranger's key opens the node: %s", out)
	}
}
