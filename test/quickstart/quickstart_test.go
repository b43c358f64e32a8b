// Package quickstart tries `hanok up` and `hanok down`, which `make up` and
// `make down` run, beside whatever else runs on the host. It needs root, and
// the bundle or a few minutes to build it.
package quickstart

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// site is a checkout with a program of its own and a state directory.
type site struct {
	t             *testing.T
	dir, stateDir string
	listen        string
}

func newSite(t *testing.T) *site {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("makes machines: needs root")
	}
	checkout, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	// The name tells `hanok sweep --orphans` whose it was.
	state, err := os.MkdirTemp("", fmt.Sprintf("hanok-test-%d-", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, dir: t.TempDir(), stateDir: state, listen: l.Addr().String()}
	if err := os.Symlink(filepath.Join(checkout, "kubernetes"), s.path("kubernetes")); err != nil {
		t.Fatal(err)
	}
	// The example's request, with volumes that leave room for tests beside it.
	request, err := os.ReadFile(filepath.Join(checkout, "docs", "examples", "create-cluster.json"))
	if err != nil {
		t.Fatal(err)
	}
	request = bytes.Replace(request, []byte(`"boot_volume_size": "20"`), []byte(`"boot_volume_size": "6"`), 1)
	examples := s.path("docs", "examples")
	if err := errors.Join(os.MkdirAll(examples, 0o755), os.WriteFile(filepath.Join(examples, "create-cluster.json"), request, 0o644)); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-trimpath", "-o", s.path("bin", "hanok"), "./cmd/hanok")
	build.Dir, build.Env = checkout, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := s.try("down"); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
		os.RemoveAll(state)
	})
	return s
}

func (s *site) path(elem ...string) string { return filepath.Join(append([]string{s.dir}, elem...)...) }

// try runs up or down.
func (s *site) try(command string, args ...string) (string, error) {
	cmd := exec.Command(s.path("bin", "hanok"), append([]string{command, "--dir", s.dir, "--state-dir", s.stateDir, "--listen", s.listen}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

func (s *site) must(command string) string {
	s.t.Helper()
	out, err := s.try(command)
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return out
}

// readyNodes asks the cluster itself, with the kubectl and the kubeconfig that
// up leaves.
func (s *site) readyNodes() []string {
	s.t.Helper()
	cmd := exec.Command(s.path("bin", "kubectl"), "--kubeconfig", s.path("run", "kubeconfig"), "get", "nodes", "--no-headers")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("kubectl: %v\n%s", err, out)
	}
	var ready []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == "Ready" {
			ready = append(ready, f[0])
		}
	}
	return ready
}

// files gives the content of what up leaves in run/.
func (s *site) files() map[string]string {
	s.t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(s.path("run"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(s.path("run", e.Name()))
		if err != nil {
			s.t.Fatal(err)
		}
		info, err := e.Info()
		if err != nil {
			s.t.Fatal(err)
		}
		all[e.Name()] = info.Mode().String() + " " + info.ModTime().String() + "\n" + string(b)
	}
	return all
}

func TestUpAndDown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.must("up")
	if ready := s.readyNodes(); len(ready) != 2 {
		t.Errorf("%d nodes are ready: %v, want 2", len(ready), ready)
	}
	before, pid := s.files(), s.pid()
	for _, name := range []string{"openrc", "kubeconfig", "id_ed25519"} {
		if !strings.HasPrefix(before[name], "-rw------- ") {
			t.Errorf("run/%s is not its owner's alone: %.11s", name, before[name])
		}
	}

	// Again: quick, and nothing changes.
	begun := time.Now()
	s.must("up")
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("the second up took %s", took)
	}
	for name, content := range s.files() {
		if before[name] != content {
			t.Errorf("the second up changed run/%s", name)
		}
	}
	if now := s.pid(); now != pid {
		t.Errorf("the second up started another service: process %s, before %s", now, pid)
	}

	// The service may be killed: up starts it again, and the cluster ran on.
	nodes := strings.Join(s.readyNodes(), " ")
	if out, err := exec.Command("kill", "-9", pid).CombinedOutput(); err != nil {
		t.Fatalf("kill: %v %s", err, out)
	}
	if now := strings.Join(s.readyNodes(), " "); now != nodes {
		t.Errorf("without the service the nodes are %q, before %q", now, nodes)
	}
	s.must("up")
	if now := strings.Join(s.readyNodes(), " "); now != nodes {
		t.Errorf("after the service's return the nodes are %q, before %q", now, nodes)
	}

	id, err := os.ReadFile(filepath.Join(s.stateDir, "installation"))
	if err != nil {
		t.Fatal(err)
	}
	installation := strings.TrimSpace(string(id))
	if left := s.leftovers(installation); len(left) == 0 {
		t.Fatal("sweep sees nothing of a running installation: the check below could not fail")
	}
	s.must("down")
	if left := s.leftovers(installation); len(left) > 0 {
		t.Errorf("after down there remains: %v", left)
	}
	for _, gone := range []string{s.stateDir, s.path("run")} {
		if _, err := os.Stat(gone); !os.IsNotExist(err) {
			t.Errorf("%s remains (%v)", gone, err)
		}
	}
	s.must("down") // nothing to do is no error
}

// pid gives the process id of the site's service.
func (s *site) pid() string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.stateDir, "hanok.pid"))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// leftovers lists what an installation has on the host.
func (s *site) leftovers(installation string) []any {
	s.t.Helper()
	out, err := exec.Command(s.path("bin", "hanok"), "sweep", "--installation", installation, "--dry-run", "-o", "json").Output()
	if err != nil {
		s.t.Fatalf("sweep: %v", err)
	}
	var all []any
	if err := json.Unmarshal(out, &all); err != nil {
		s.t.Fatalf("sweep printed %q: %v", out, err)
	}
	return all
}
