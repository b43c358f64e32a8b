package cli

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/serve"
)

// serveInMemory runs a service over a cloud in memory until the test ends,
// and gives its state directory and its address.
func serveInMemory(t *testing.T) (stateDir, url string) {
	t.Helper()
	stateDir = t.TempDir()
	var c serve.Config
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.Register(fs)
	listen, agents := freeAddress(t), netip.MustParseAddrPort(freeAddress(t))
	if err := fs.Parse([]string{"--listen", listen, "--state-dir", stateDir, "--cache-dir", stateDir}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- serve.Run(ctx, &c, serve.Options{
			Version: "test", Log: os.Stderr, Getenv: func(string) string { return "" },
			OpenDriver: func(context.Context, *serve.Config, *slog.Logger) (infra.Driver, error) {
				return fake.New(fake.Options{AgentAddress: agents}), nil
			},
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the service ended with %v", err)
		}
	})
	url = "http://" + listen
	for deadline := time.Now().Add(20 * time.Second); !serve.Ready(ctx, url); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the service is not ready")
		}
	}
	return stateDir, url
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

// hanok runs one command line and gives what it printed.
func hanok(t *testing.T, variables map[string]string, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	e := env{in: strings.NewReader("from-stdin-4711\n"), out: &out, err: &errs, getenv: func(k string) string { return variables[k] }}
	if code := run(t.Context(), e, args); code != want {
		t.Fatalf("hanok %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, &out, &errs)
	}
	return out.String(), errs.String()
}

// TestCatalogueCommands makes what users look up.
func TestCatalogueCommands(t *testing.T) {
	t.Parallel()
	state, _ := serveInMemory(t)
	vars := map[string]string{"HANOK_STATE_DIR": state}
	line := func(args ...string) string {
		t.Helper()
		out, _ := hanok(t, vars, 0, args...)
		return strings.TrimSpace(out)
	}
	const id = "6ef27f21-c774-4c0e-84ff-7dd4a762571f"
	if got := line("flavor", "create", "tiny", "--ram", "512", "--id", id); got != id {
		t.Errorf("the flavor's id is %q", got)
	}
	image := line("image", "create", "mine", "--min-disk", "6")
	network := line("network", "create", "lab", "--cidr", "10.7.0.0/16")
	subnet := line("subnet", "create", "lab-1", "--network", "lab", "--cidr", "10.7.1.0/24")
	line("quota", "set", "demo", "Cluster", "3")
	for family, want := range map[string]string{"flavor": id, "image": image, "network": network, "subnet": subnet, "quota": "Cluster"} {
		if out := line(family, "list"); len(want) < 7 || !strings.Contains(out, want) {
			t.Errorf("%s list lacks %q:\n%s", family, want, out)
		}
	}
	if out := line("subnet", "list", "--project", "demo", "-o", "json"); !strings.Contains(out, `"gateway": "10.7.1.1"`) {
		t.Errorf("subnets in JSON: %s", out)
	}
	hanok(t, vars, exitNotFound, "network", "list", "--project", "nobody")
	hanok(t, vars, exitUsage, "network", "create", "x")
	hanok(t, vars, exitUsage, "quota", "set", "demo", "Cluster", "many")
	hanok(t, vars, exitError, "network", "delete", "lab")
	for _, args := range [][]string{
		{"subnet", "delete", "lab-1"}, {"network", "delete", "lab"}, {"image", "delete", "mine"}, {"flavor", "delete", "tiny"}, {"quota", "delete", "demo", "Cluster"},
	} {
		line(args...)
		hanok(t, vars, exitNotFound, args...)
	}
}

// TestOperatorCommands makes a project and a user on a running service, and
// logs in as that user.
func TestOperatorCommands(t *testing.T) {
	t.Parallel()
	state, url := serveInMemory(t)
	vars := map[string]string{"HANOK_STATE_DIR": state}
	if out, _ := hanok(t, vars, 0, "status"); !strings.Contains(out, state) {
		t.Errorf("status: %s", out)
	}
	hanok(t, vars, 0, "project", "create", "team")
	if _, errs := hanok(t, vars, 1, "project", "create", "team"); !strings.Contains(errs, "team") {
		t.Errorf("a second project of the name: %s", errs)
	}
	password, _ := hanok(t, vars, 0, "user", "create", "alice", "--project", "team")
	user := map[string]string{
		"OS_AUTH_URL": url + "/identity/v3", "OS_USERNAME": "alice", "OS_PASSWORD": strings.TrimSpace(password), "OS_PROJECT_NAME": "team",
	}
	if out, _ := hanok(t, user, 0, "cluster", "list", "-o", "json"); strings.TrimSpace(out) != "[]" {
		t.Errorf("alice's clusters: %s", out)
	}
	hanok(t, vars, 0, "user", "password", "alice", "--password-stdin")
	hanok(t, user, exitUnauthorize, "cluster", "list")
	user["OS_PASSWORD"] = "from-stdin-4711"
	hanok(t, user, 0, "cluster", "list")
	hanok(t, vars, 0, "user", "roles", "alice", "team")
	hanok(t, user, exitUnauthorize, "cluster", "list")
	if out, _ := hanok(t, vars, 0, "user", "list"); !strings.Contains(out, "alice") {
		t.Errorf("users: %s", out)
	}
	hanok(t, vars, 0, "user", "delete", "alice")
	hanok(t, vars, exitNotFound, "user", "delete", "alice")
	hanok(t, vars, 0, "project", "delete", "team")

	info, err := os.Stat(filepath.Join(state, "admin.sock"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v (%v), want 0600", info.Mode(), err)
	}
	_, errs := hanok(t, map[string]string{"HANOK_STATE_DIR": t.TempDir()}, 1, "status")
	if !strings.Contains(errs, "no service runs") {
		t.Errorf("without a service: %s", errs)
	}
}
