package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/fake"
)

// installation is a service on a cloud in memory.
type installation struct {
	url  string
	log  *buffer
	stop context.CancelFunc
	done chan error
}

// buffer is a log that is read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// freePort gives a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// configure gives the configuration of a test installation.
func configure(t *testing.T, dir string, args ...string) *Config {
	t.Helper()
	c, err := load(t, append([]string{"--listen", freePort(t), "--state-dir", dir, "--cache-dir", filepath.Join(dir, "cache")}, args...), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return &c
}

func options(t *testing.T, log io.Writer) Options {
	agents := netip.MustParseAddrPort(freePort(t))
	return Options{
		Version: "v0-test", Log: log, Getenv: func(string) string { return "" },
		OpenDriver: func(context.Context, *Config, *slog.Logger) (infra.Driver, error) {
			return fake.New(fake.Options{AgentAddress: agents}), nil
		},
	}
}

// start runs a service until the test ends, and waits until it is ready.
func start(t *testing.T, c *Config) *installation {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	i := &installation{url: "http://" + c.Listen, log: &buffer{}, stop: stop, done: make(chan error, 1)}
	if c.TLSCert != "" {
		i.url = "https://" + c.Listen
	}
	o := options(t, i.log)
	go func() { i.done <- Run(ctx, c, o) }()
	t.Cleanup(func() { i.end(t) })
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(i.log.String(), "msg=serving") {
		select {
		case err := <-i.done:
			i.done <- err
			t.Fatalf("the service ended: %v\n%s", err, i.log)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("the service is not ready\n%s", i.log)
		}
	}
	return i
}

// end stops the service and checks that it stopped in good order.
func (i *installation) end(t *testing.T) {
	t.Helper()
	i.stop()
	select {
	case err := <-i.done:
		i.done <- err
		if err != nil {
			t.Errorf("the service ended with %v\n%s", err, i.log)
		}
	case <-time.After(30 * time.Second):
		t.Errorf("the service does not stop\n%s", i.log)
	}
}

func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := configure(t, dir)
	i := start(t, c)

	if status, body := get(t, http.DefaultClient, i.url+"/healthz"); status != 200 || body != "ok\n" {
		t.Errorf("/healthz: %d %q", status, body)
	}
	status, body := get(t, http.DefaultClient, i.url+"/readyz")
	var parts map[string]string
	if err := json.Unmarshal([]byte(body), &parts); status != 200 || err != nil || parts["store"] != "ok" || parts["driver"] != "ok" {
		t.Errorf("/readyz: %d %q", status, body)
	}
	_, metrics := get(t, http.DefaultClient, i.url+"/metrics")
	for _, want := range []string{
		`hanok_build_info{version="v0-test"} 1`, "go_goroutines ", "process_resident_memory_bytes ",
		`hanok_capacity{resource="memory_mib"}`, `hanok_http_request_duration_seconds_count{method="GET",service="operations",status="200"}`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}

	password, err := os.ReadFile(filepath.Join(dir, InitialPasswordFile))
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimSpace(string(password))
	login := func() error {
		cl, err := client.New(client.Options{
			AuthURL: i.url + "/identity/v3", Username: "admin", Password: secret, ProjectName: "demo",
		})
		if err != nil {
			return err
		}
		if _, err := cl.Clusters(context.Background()); err != nil {
			return err
		}
		_, err = cl.Choose(context.Background(), client.Wishes{Version: "v1.30.3"})
		if err == nil || !strings.Contains(err.Error(), "keypair create") {
			return errors.New("the catalogue should lack a key pair alone")
		}
		return nil
	}
	if err := login(); err != nil {
		t.Errorf("the first user: %v", err)
	}
	if strings.Contains(i.log.String(), secret) {
		t.Error("the log shows the first password")
	}

	if err := Run(context.Background(), configure(t, dir), options(t, io.Discard)); err == nil || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("a second service on the same state: %v", err)
	}

	i.end(t)
	if pid, err := Running(dir); pid != 0 || err != nil {
		t.Errorf("after the end, process %d owns the state: %v", pid, err)
	}
	// The same user with the same password is there after a restart.
	i = start(t, configure(t, dir))
	if err := login(); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestReadyTellsOfABrokenStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := configure(t, dir)
	s, err := assemble(context.Background(), c, options(t, io.Discard), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	r := &readiness{store: s.store, driver: s.driver}
	if parts := r.check(context.Background()); parts["store"] != "" || parts["driver"] != "" {
		t.Fatalf("at first: %v", parts)
	}
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	r.checked = time.Time{} // as if the answer had grown old
	if parts := r.check(context.Background()); parts["store"] == "" || parts["driver"] != "" {
		t.Errorf("with a closed store: %v", parts)
	}
}
