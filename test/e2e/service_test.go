// Package e2e tries hanok as its users do: a service of its own, real
// clusters, the bundle's kubectl. It needs root, the bundle and the root tree
// (make test sees to them).
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/client"
)

const kubeTag = "v1.30.3"

// service is one installation under test.
type service struct {
	bin, kubectl string
	dir          string // state directory, the installation's owner
	url          string
	args         []string
	cmd          *exec.Cmd
	account      // whom it is asked as
}

// startService starts an installation of its own and removes all of it when
// the test ends. The state directory's name tells a later sweep that it
// belonged to a test, and to which process.
func startService(t *testing.T, args ...string) *service {
	t.Helper()
	s := newService(t, args...)
	s.start(t)
	s.login(t)
	return s
}

func newService(t *testing.T, args ...string) *service {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("end-to-end tests make machines: they need root")
	}
	cache := cacheDir()
	kubectl := filepath.Join(cache, "bundles", kubeTag, "bin", "kubectl")
	if _, err := os.Stat(kubectl); err != nil {
		t.Fatalf("the bundle is missing (%v); make it with: hanok bundle build %s", err, kubeTag)
	}
	dir, err := os.MkdirTemp("", fmt.Sprintf("hanok-test-%d-", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	s := &service{
		bin: hanokBinary(t), kubectl: kubectl, dir: dir, url: "http://" + address,
		args: append([]string{"serve", "--listen", address, "--state-dir", dir, "--cache-dir", cache}, args...),
	}
	t.Cleanup(func() { s.remove(t) })
	return s
}

// start starts the service and waits until it is ready.
func (s *service) start(t *testing.T, env ...string) {
	t.Helper()
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(s.bin, s.args...)
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	// A session of its own: a signal to the test does not reach it first.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "the service is ready", func() error {
		res, err := http.Get(s.url + "/readyz")
		if err != nil {
			return fmt.Errorf("%w\n%s", err, s.logTail())
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return errors.New(res.Status)
		}
		return nil
	})
}

// kill ends the service as a crash would.
func (s *service) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	_ = s.cmd.Wait()
}

// stop ends the service in good order.
func (s *service) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("the service stopped with %v\n%s", err, s.logTail())
	}
}

func (s *service) remove(t *testing.T) {
	if s.cmd != nil && s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
	if t.Failed() {
		t.Logf("the service's log ends:\n%s", s.logTail())
		s.logMachines(t)
	}
	if id := s.installation(); id != "" {
		out, err := exec.Command(s.bin, "sweep", "--installation", id).CombinedOutput()
		if err != nil {
			t.Errorf("sweep: %v\n%s", err, out)
		}
		if left := traces(id, s.dir); len(left) > 0 {
			t.Errorf("after the sweep there remains:\n%s", strings.Join(left, "\n"))
		}
	}
	if err := os.RemoveAll(s.dir); err != nil {
		t.Errorf("the state directory remains: %v", err)
	}
}

func (s *service) logPath() string { return s.dir + "/service.log" }

func (s *service) logTail() string { return tail(s.logPath(), 6000) }

func tail(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if len(text) > n {
		text = text[len(text)-n:]
	}
	return string(text)
}

// hanok runs the command line as the installation's admin.
func (s *service) hanok(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.tryHanok(args...)
	if err != nil {
		t.Fatalf("hanok %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (s *service) tryHanok(args ...string) (string, error) {
	cmd := exec.Command(s.bin, args...)
	cmd.Env = append(os.Environ(), s.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		return stdout.String() + stderr.String(), err
	}
	return stdout.String(), nil
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
	uuid, err := s.client.CreateCluster(t.Context(), r.body(t))
	if err != nil {
		t.Fatal(err)
	}
	return &cluster{svc: s, uuid: uuid, name: r.name}
}

func (c *cluster) fetchKubeconfig(t *testing.T) {
	t.Helper()
	config, err := c.svc.client.Kubeconfig(t.Context(), c.uuid)
	if err != nil {
		t.Fatal(err)
	}
	c.kubeconfig = write(t, filepath.Join(c.svc.dir, "kubeconfig-"+c.uuid), []byte(config))
}

// await waits for a status; a failed one ends the test with its reason.
func (s *service) await(t *testing.T, uuid, status string, within time.Duration) client.Cluster {
	t.Helper()
	var c client.Cluster
	eventually(t, within, uuid+" is "+status, func() error {
		var err error
		if c, err = s.client.Cluster(t.Context(), uuid); err != nil {
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
	eventually(t, 60*time.Second, uuid+" is gone", func() error {
		c, err := s.client.Cluster(t.Context(), uuid)
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
	c, err := s.client.Cluster(t.Context(), uuid)
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

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func cacheDir() string {
	if dir := os.Getenv("HANOK_CACHE_DIR"); dir != "" {
		return dir
	}
	return "/var/cache/hanok"
}

// api sends a request as it is and gives status, headers and body.
func (s *service) api(t *testing.T, method, path, token string, body []byte) (int, http.Header, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("OpenStack-API-Version", "container-infra latest")
	if token != "" {
		req.Header.Set("X-Auth-Token", token)
	}
	res, err := http.DefaultClient.Do(req)
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
