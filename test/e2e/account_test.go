package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hanok/hanok/test/harness"
)

// token gives a token of the account, as its client gets it.
func (s *service) token(t *testing.T) string {
	t.Helper()
	token, _, _, _, err := s.Client.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// request gives the guide's create request with the catalogue's ids, for one
// worker and a public endpoint.
func (s *service) request(name string) *createRequest {
	c := s.Choice
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
	cmd := exec.Command("nsenter", "--net="+router, "ssh", "-i", s.KeyFile, "-o", "StrictHostKeyChecking=no",
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
	harness.NewKey(t, stranger)
	out, err = exec.Command("nsenter", "--net="+router, "ssh", "-i", stranger, "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "debian@"+address, "true").CombinedOutput()
	if err == nil {
		t.Errorf("a stranger's key opens the node: %s", out)
	}
}
