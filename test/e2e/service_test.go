// Package e2e tries hanok as its users do: a service of its own, real
// clusters, the bundle's kubectl. It needs root, the bundle and the root tree
// (make test sees to them).
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/api/apitest"
	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/test/harness"
)

// service is one installation under test.
type service struct{ *harness.Service }

// startService starts an installation of the test's own; see harness.
func startService(t *testing.T, args ...string) *service {
	t.Helper()
	return &service{harness.StartService(t, args...)}
}

// newProject gives the service as a user of another project sees it.
func (s *service) newProject(t *testing.T, project string) *service {
	t.Helper()
	return &service{s.Service.NewProject(t, project)}
}

// create makes a cluster and waits until it is complete.
func (s *service) create(t *testing.T, r *createRequest) *cluster {
	t.Helper()
	c := s.begin(t, r)
	s.await(t, c.uuid, "CREATE_COMPLETE", 90*time.Second)
	c.fetchKubeconfig(t)
	return c
}

// begin sends the request and returns at once.
func (s *service) begin(t *testing.T, r *createRequest) *cluster {
	t.Helper()
	uuid, err := s.Client.CreateCluster(t.Context(), r.body(t))
	if err != nil {
		t.Fatal(err)
	}
	return &cluster{svc: s, uuid: uuid, name: r.name}
}

func (c *cluster) fetchKubeconfig(t *testing.T) {
	t.Helper()
	config, err := c.svc.Client.Kubeconfig(t.Context(), c.uuid)
	if err != nil {
		t.Fatal(err)
	}
	c.kubeconfig = filepath.Join(c.svc.Dir, "kubeconfig-"+c.uuid)
	if err := os.WriteFile(c.kubeconfig, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// await waits for a status; a failed one ends the test with its reason.
func (s *service) await(t *testing.T, uuid, status string, within time.Duration) client.Cluster {
	t.Helper()
	var c client.Cluster
	harness.Eventually(t, within, uuid+" is "+status, func() error {
		var err error
		if c, err = s.Client.Cluster(t.Context(), uuid); err != nil {
			return err
		}
		if c.Status != status {
			if strings.HasSuffix(c.Status, "_FAILED") {
				t.Fatalf("the cluster is %s: %s", c.Status, c.StatusReason)
			}
			return fmt.Errorf("it is %s", c.Status)
		}
		return nil
	})
	return c
}

// gone waits until a deleted cluster is 404.
func (s *service) gone(t *testing.T, uuid string) {
	t.Helper()
	harness.Eventually(t, 60*time.Second, uuid+" is gone", func() error {
		c, err := s.Client.Cluster(t.Context(), uuid)
		if client.StatusOf(err) == http.StatusNotFound {
			return nil
		}
		if err == nil && c.Status == "DELETE_FAILED" {
			t.Fatalf("the delete failed: %s", c.StatusReason)
		}
		return fmt.Errorf("it is %s, %v", c.Status, err)
	})
}

func (s *service) show(t *testing.T, uuid string) client.Cluster {
	t.Helper()
	c, err := s.Client.Cluster(t.Context(), uuid)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// createRequest is the newer guide's create request, as a test may change it.
type createRequest struct {
	name   string
	nodes  any
	fields map[string]any
	labels map[string]any
}

func (r *createRequest) body(t *testing.T) []byte {
	t.Helper()
	body := map[string]any{"name": r.name, "node_count": r.nodes, "labels": r.labels}
	for k, v := range r.fields {
		body[k] = v
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// api sends a request as it is and gives status, headers and body.
func (s *service) api(t *testing.T, method, path, token string, body []byte) (int, http.Header, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("OpenStack-API-Version", "container-infra latest")
	if token != "" {
		req.Header.Set("X-Auth-Token", token)
	}
	checked := http.Client{Transport: apitest.Transport(t, http.DefaultTransport)}
	res, err := checked.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, b.String()
}
