package e2e

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/test/harness"
)

// cluster is one cluster of a service under test, spoken to by the bundle's
// own kubectl.
type cluster struct {
	svc        *service
	uuid, name string
	kubeconfig string
}

// try runs kubectl and gives what it printed, on both streams.
func (c *cluster) try(args ...string) (string, error) { return c.tryStdin("", args...) }

func (c *cluster) tryStdin(stdin string, args ...string) (string, error) {
	cmd := exec.Command(c.svc.Kubectl, append([]string{"--kubeconfig", c.kubeconfig}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run runs kubectl, gives its standard output, and ends the test when it fails.
func (c *cluster) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(c.svc.Kubectl, append([]string{"--kubeconfig", c.kubeconfig}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("kubectl %s: %v\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

func (c *cluster) apply(t *testing.T, namespace, manifest string) {
	t.Helper()
	// A namespace's service account is made a moment after the namespace.
	harness.Eventually(t, 20*time.Second, "apply", func() error {
		out, err := c.tryStdin(manifest, "-n", namespace, "apply", "-f", "-")
		if err != nil {
			return &client.Error{Detail: out}
		}
		return nil
	})
}

func (c *cluster) show(t *testing.T) client.Cluster {
	t.Helper()
	return c.svc.show(t, c.uuid)
}

// render fills in a manifest of testdata.
func render(t *testing.T, name string, values any) string {
	t.Helper()
	tmpl, err := template.ParseFiles(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := tmpl.Execute(&b, values); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
