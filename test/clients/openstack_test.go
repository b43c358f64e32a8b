package clients

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/test/harness"
)

// openStack is Debian's openstack command with its coe plugin.
type openStack struct {
	s   *harness.Service
	dir string // working directory, home
}

// try runs a command and gives its standard output, or with an error what it
// printed on standard error.
func (o *openStack) try(args ...string) (string, error) {
	cmd := exec.Command("openstack", args...)
	cmd.Dir = o.dir
	// Settings of whoever runs the tests do not count; config wants SHELL.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + o.dir, "LANG=C.UTF-8", "SHELL=/bin/sh"}, o.s.Env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stderr.String() + stdout.String(), err
	}
	return stdout.String(), nil
}

func (o *openStack) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := o.try(args...)
	if err != nil {
		t.Fatalf("openstack %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

type row map[string]any

// rows runs a command that lists.
func (o *openStack) rows(t *testing.T, args ...string) (rows []row) {
	t.Helper()
	o.decode(t, &rows, args...)
	return rows
}

// fields runs a command that shows one thing.
func (o *openStack) fields(t *testing.T, args ...string) (fields row) {
	t.Helper()
	o.decode(t, &fields, args...)
	return fields
}

func (o *openStack) decode(t *testing.T, v any, args ...string) {
	t.Helper()
	out := o.run(t, append(args, "-f", "json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		t.Fatalf("openstack %s: %v in:\n%s", strings.Join(args, " "), err, out)
	}
}

// wantRow tells whether a listing has a row with the given values.
func wantRow(t *testing.T, what string, rows []row, want row) {
	t.Helper()
	for _, r := range rows {
		matches := true
		for k, v := range want {
			matches = matches && fmt.Sprint(r[k]) == fmt.Sprint(v)
		}
		if matches {
			return
		}
	}
	t.Errorf("%s: none is %v among %v", what, want, rows)
}

func testOpenStack(t *testing.T, s *harness.Service) {
	if _, err := exec.LookPath("openstack"); err != nil {
		t.Skip("the openstack command is not installed: scripts/packages.sh --test installs it")
	}
	o := &openStack{s, t.TempDir()}
	// The cluster comes to be while everything else is looked at.
	uuid := o.create(t)
	t.Run("look-ups", func(t *testing.T) { o.testLookups(t) })
	o.await(t, uuid)
	t.Run("cluster", func(t *testing.T) { o.testCluster(t, uuid) })
	t.Run("node groups", func(t *testing.T) { o.testNodeGroups(t, uuid) })
	t.Run("certificates", func(t *testing.T) { o.testCertificates(t) })
	o.run(t, "coe", "cluster", "delete", openStackName)
	harness.Eventually(t, 60*time.Second, "the cluster is gone", func() error {
		out, err := o.try("coe", "cluster", "show", uuid)
		if err != nil && strings.Contains(out, "404") {
			return nil
		}
		return fmt.Errorf("%v: %s", err, out)
	})
}

const openStackName = "by-openstack"

// create asks for a cluster with what the command itself finds.
func (o *openStack) create(t *testing.T) (uuid string) {
	t.Helper()
	c := o.s.Choice
	out := o.run(t, "coe", "cluster", "create", openStackName, "--cluster-template", "iaas_console", "--keypair", harness.KeypairName,
		"--flavor", c.FlavorID, "--fixed-network", c.NetworkID, "--fixed-subnet", c.SubnetID, "--node-count", "1", "--timeout", "60",
		"--labels", pairs(labels(o.s)))
	if _, err := fmt.Sscanf(out, "Request to create cluster %s accepted", &uuid); err != nil {
		t.Fatalf("the create printed %q", out)
	}
	return uuid
}

// pairs writes labels as the command takes them.
func pairs(labels map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, name+"="+labels[name])
	}
	return strings.Join(all, ",")
}

// await waits until no operation runs on the cluster.
func (o *openStack) await(t *testing.T, uuid string) {
	t.Helper()
	harness.Eventually(t, 90*time.Second, "the operation on the cluster is done", func() error {
		c := o.fields(t, "coe", "cluster", "show", uuid)
		return settled(t, fmt.Sprint(c["status"]), fmt.Sprint(c["status_reason"]), nil)
	})
}

func (o *openStack) testLookups(t *testing.T) {
	c := o.s.Choice
	token := o.fields(t, "token", "issue")
	if id, _ := token["id"].(string); len(id) < 32 || token["project_id"] == "" {
		t.Errorf("the token is %v", token)
	}
	catalog := o.rows(t, "catalog", "list")
	for _, name := range []string{"kubernetes", "magnum", "keystone", "nova", "neutron", "glance"} {
		wantRow(t, "catalog", catalog, row{"Name": name})
	}
	wantRow(t, "flavors", o.rows(t, "flavor", "list"), row{"ID": c.FlavorID, "RAM": o.s.Flavor.RAM, "VCPUs": o.s.Flavor.VCPUs})
	wantRow(t, "images", o.rows(t, "image", "list"), row{"ID": c.ImageID, "Status": "active"})
	wantRow(t, "networks", o.rows(t, "network", "list"), row{"ID": c.NetworkID})
	wantRow(t, "subnets", o.rows(t, "subnet", "list"), row{"ID": c.SubnetID, "Network": c.NetworkID})
	wantRow(t, "key pairs", o.rows(t, "keypair", "list"), row{"Name": harness.KeypairName})
	wantRow(t, "templates", o.rows(t, "coe", "cluster", "template", "list"), row{"name": "iaas_console"})
}

func (o *openStack) testCluster(t *testing.T, uuid string) {
	list := o.rows(t, "coe", "cluster", "list")
	wantRow(t, "clusters", list, row{"uuid": uuid, "name": openStackName, "node_count": 1, "status": "CREATE_COMPLETE"})
	wantRow(t, "clusters", list, row{"name": sharedName})
	c := o.fields(t, "coe", "cluster", "show", openStackName)
	got, _ := c["labels"].(map[string]any)
	for name, sent := range labels(o.s) {
		if name != "clusterautoscale" && got[name] != sent {
			t.Errorf("label %s is %v, sent was %q", name, got[name], sent)
		}
	}
	if c["uuid"] != uuid || c["keypair"] != harness.KeypairName || c["coe_version"] != harness.KubeTag {
		t.Errorf("the cluster is %v", c)
	}
	if out, err := o.try("coe", "cluster", "show", "no-such-cluster"); err == nil || !strings.Contains(out, "404") {
		t.Errorf("an unknown cluster is %v: %s", err, out)
	}
}

func (o *openStack) testNodeGroups(t *testing.T, uuid string) {
	wantRow(t, "node groups", o.rows(t, "coe", "nodegroup", "list", openStackName),
		row{"name": "default-worker", "node_count": 1, "role": "worker", "flavor_id": o.s.Choice.FlavorID})
	g := o.fields(t, "coe", "nodegroup", "show", openStackName, "default-worker")
	if g["is_default"] != true || g["image_id"] != o.s.Choice.ImageID {
		t.Errorf("the default group is %v", g)
	}
	o.run(t, "coe", "nodegroup", "create", openStackName, "more", "--flavor", o.s.Choice.FlavorID, "--image", o.s.Choice.ImageID,
		"--node-count", "1", "--labels", pairs(groupLabels(o.s)))
	o.await(t, uuid)
	wantRow(t, "node groups", o.rows(t, "coe", "nodegroup", "list", openStackName), row{"name": "more", "node_count": 1})
	o.run(t, "coe", "nodegroup", "update", openStackName, "more", "replace", "max_node_count=4")
	o.await(t, uuid)
	if g := o.fields(t, "coe", "nodegroup", "show", openStackName, "more"); g["max_node_count"] != 4.0 {
		t.Errorf("the changed group is %v", g)
	}
	o.run(t, "coe", "nodegroup", "delete", openStackName, "more")
	o.await(t, uuid)
	if rows := o.rows(t, "coe", "nodegroup", "list", openStackName); len(rows) != 1 {
		t.Errorf("after the delete the groups are %v", rows)
	}
}

// testCertificates: the kubeconfig that config writes holds a certificate
// which config had signed.
func (o *openStack) testCertificates(t *testing.T) {
	ca := o.run(t, "coe", "ca", "show", openStackName)
	if block, _ := pem.Decode([]byte(ca)); block == nil || block.Type != "CERTIFICATE" {
		t.Errorf("the CA is %q", ca)
	}
	dir := filepath.Join(o.dir, "config")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out := o.run(t, "coe", "cluster", "config", openStackName, "--dir", dir); !strings.Contains(out, "KUBECONFIG=") {
		t.Errorf("config printed %q", out)
	}
	wantReadyNode(t, o.s, filepath.Join(dir, "config"))

	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "alice", Organization: []string{"dev"}}}, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(o.dir, "alice.csr")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}), 0o600); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(o.run(t, "coe", "ca", "sign", openStackName, path)))
	if block == nil {
		t.Fatal("ca sign printed no certificate")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || cert.Subject.CommonName != "alice" || !slices.Equal(cert.Subject.Organization, []string{"dev"}) {
		t.Errorf("signed was %v, %v", cert.Subject, err)
	}
}
