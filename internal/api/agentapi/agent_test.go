package agentapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/agent"
	"github.com/hanok/hanok/internal/machine"
)

const envRoot = "HANOK_TEST_AGENT_ROOT"

// TestMain makes the test binary an agent as well: the real one, below a
// directory that the environment names.
func TestMain(m *testing.M) {
	root := os.Getenv(envRoot)
	if root == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := agent.Run(ctx, agent.Options{Root: root, Version: "test", Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	stop()
	if err != nil {
		slog.Error("agent", "err", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func selfSigned(name string, pub any, key *ecdsa.PrivateKey) []byte {
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, pub, key)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// TestAgentAndService shows both ends at work together: let in, state,
// certificate, report, a changed state, and the end of the node.
func TestAgentAndService(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	root := t.TempDir()
	config, _ := json.Marshal(machine.Config{
		MachineKey: "node-1", ServiceURL: r.url, ServiceCA: r.fleet.CA(), Token: r.token(t, "node-1"),
	})
	path := filepath.Join(root, machine.ConfigPath)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, config, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envRoot+"="+root)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // not left behind by a killed test
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // stops its processes too
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})

	sleeper := machine.Process{Name: "sleeper", Argv: []string{"/bin/sleep", "100"}}
	state := machine.State{
		Files:        []machine.File{{Path: "/etc/one", Mode: 0o644, Content: []byte("1")}},
		Certificates: []machine.Certificate{{Name: "kubelet", CommonName: "system:node:node-1", CertPath: "/kubelet.crt", KeyPath: "/kubelet.key"}},
		Processes:    []machine.Process{sleeper},
	}
	// The agent asks before the service knows what to answer.
	time.AfterFunc(300*time.Millisecond, func() { r.set("node-1", state) })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ready := func(want machine.State) {
		t.Helper()
		version := want.Hash()
		if err := r.fleet.Wait(ctx, "node-1", func(rep machine.Report) bool { return rep.Ready && rep.StateVersion == version }); err != nil {
			rep, _, _ := r.fleet.Report("node-1")
			t.Fatalf("%v; last report %+v", err, rep)
		}
	}
	ready(state)
	rep, _, _ := r.fleet.Report("node-1")
	if rep.AgentVersion != "test" || len(rep.Processes) != 1 || rep.Processes[0].PID == 0 {
		t.Errorf("%+v", rep)
	}
	certPEM, _ := os.ReadFile(filepath.Join(root, "kubelet.crt"))
	block, _ := pem.Decode(certPEM)
	if block == nil {
		t.Fatal("no certificate on the machine")
	}
	if cert, err := x509.ParseCertificate(block.Bytes); err != nil || cert.Subject.CommonName != "system:node:node-1" {
		t.Errorf("%v, %v", cert, err)
	}

	state.Files = []machine.File{{Path: "/etc/one", Mode: 0o644, Content: []byte("2")}}
	began := time.Now()
	r.set("node-1", state)
	ready(state)
	t.Logf("a changed file was in place and reported after %v", time.Since(began))
	if b, _ := os.ReadFile(filepath.Join(root, "etc/one")); string(b) != "2" {
		t.Errorf("the file holds %q", b)
	}
}
