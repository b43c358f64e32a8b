package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

// testMachine is a directory with an agent in it.
type testMachine struct {
	root string
	cmd  *exec.Cmd
	log  *lockedBuffer
	attr *syscall.SysProcAttr
	role string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newTestMachine makes a machine with its configuration on disk, not booted.
func newTestMachine(t *testing.T, s *testService) *testMachine {
	t.Helper()
	m := &testMachine{root: t.TempDir(), log: &lockedBuffer{}, role: roleAgent, attr: &syscall.SysProcAttr{}}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(m.root, "agent")); err != nil {
		t.Fatal(err)
	}
	m.write(t, "version", "one")
	config, err := json.Marshal(machine.Config{
		MachineKey: testKey, Hostname: "node-1", ServiceURL: "https://" + s.addr,
		ServiceCA: s.caPEM, Token: testToken, Nameserver: []string{"192.0.2.53"},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.write(t, machine.ConfigPath, string(config))
	t.Cleanup(func() {
		m.kill()
		m.killLeftovers()
		if t.Failed() {
			t.Logf("the agent's log:\n%s", m.log)
		}
	})
	return m
}

func (m *testMachine) path(elem ...string) string {
	return filepath.Join(append([]string{m.root}, elem...)...)
}

func (m *testMachine) write(t *testing.T, path, content string) {
	t.Helper()
	if err := writeFile(m.path(path), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (m *testMachine) read(path string) string {
	b, _ := os.ReadFile(m.path(path))
	return string(b)
}

// bootUp starts the agent.
func (m *testMachine) bootUp(t *testing.T) {
	t.Helper()
	m.cmd = exec.Command(m.path("agent"))
	m.cmd.Env = append(os.Environ(), envRole+"="+m.role, envRoot+"="+m.root)
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	m.cmd.SysProcAttr = m.attr
	m.cmd.WaitDelay = time.Second // processes may hold our pipe; not our concern
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// kill ends the agent without a chance to do anything.
func (m *testMachine) kill() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
		m.cmd = nil
	}
}

// shutdown asks the agent to stop and waits for it.
func (m *testMachine) shutdown(t *testing.T) {
	t.Helper()
	_ = m.cmd.Process.Signal(syscall.SIGTERM)
	err := m.cmd.Wait()
	m.cmd = nil
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("the agent ended with %v", err)
	}
}

// killLeftovers ends the processes that a killed agent left.
func (m *testMachine) killLeftovers() {
	var b boot
	if readJSON(m.path(runDir, "boot.json"), &b) != nil {
		return
	}
	for _, c := range b.Processes {
		if stat, err := readProcStat(c.PID); err == nil && stat.startTime == c.StartTime {
			killGroup(c.PID)
		}
	}
}

// sh is a process that runs a script and then sleeps until it is ended.
func (m *testMachine) sh(name, script string) machine.Process {
	return machine.Process{Name: name, Argv: []string{"/bin/sh", "-c", script + "\nexec sleep 1000"}, Env: []string{"ROOT=" + m.root}}
}

func processNamed(r machine.Report, name string) machine.ProcessReport {
	i := slices.IndexFunc(r.Processes, func(p machine.ProcessReport) bool { return p.Name == name })
	if i < 0 {
		return machine.ProcessReport{}
	}
	return r.Processes[i]
}

func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(b), ") Z ")
}

func TestFirstBoot(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	first := m.sh("first", `echo first >> $ROOT/order; sleep 0.1; touch $ROOT/first-is-ready`)
	first.Ready = &machine.Probe{File: "/first-is-ready"}
	second := m.sh("second", `echo second >> $ROOT/order; [ -e $ROOT/first-is-ready ] || echo too early >> $ROOT/order`)
	second.After = []string{"first"}
	state := s.set(machine.State{
		Files: []machine.File{
			{Path: "/etc/kubernetes/secret", Mode: 0o600, Content: []byte("hush")},
			{Path: "/etc/motd", Mode: 0o644, Content: []byte("welcome")},
		},
		Certificates: []machine.Certificate{
			{Name: "kubelet", CertPath: "/pki/kubelet.crt", KeyPath: "/pki/kubelet.key"},
			{Name: "proxy", CertPath: "/pki/proxy.crt", KeyPath: "/pki/proxy.key"},
		},
		Processes: []machine.Process{second, first}, // in no order
	})
	began := time.Now()
	m.bootUp(t)
	r := s.awaitReady(t, state)

	if got := m.read("order"); got != "first\nsecond\n" {
		t.Errorf("processes started as %q", got)
	}
	for path, mode := range map[string]os.FileMode{
		"/etc/kubernetes/secret": 0o600, "/etc/motd": 0o644, "/pki/kubelet.key": 0o600, "/pki/kubelet.crt": 0o644,
		keyFile: 0o600, certFile: 0o600, lastStateFile: 0o600,
	} {
		if info, err := os.Stat(m.path(path)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v; want mode %v", path, info, err, mode)
		}
	}
	if r.Error != "" || r.AgentVersion != "one" || r.BootID == "" {
		t.Errorf("report: %+v", r)
	}
	for _, mark := range []string{"agent_start", "bootstrapped", "state", "applied", "process:first:started", "process:second:ready"} {
		if r.Marks[mark].IsZero() {
			t.Errorf("mark %s is missing", mark)
		}
	}
	if r.Marks["process:second:started"].Before(r.Marks["process:first:ready"]) {
		t.Error("second started before first was ready")
	}
	t.Logf("from exec: agent_start %v, bootstrapped %v, state %v, first process %v",
		r.Marks["agent_start"].Sub(began), r.Marks["bootstrapped"].Sub(began), r.Marks["state"].Sub(began), r.Marks["process:first:started"].Sub(began))
}

func TestLostBootstrapAnswer(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.losing = 2
	m := newTestMachine(t, s)
	state := s.set(machine.State{Hostname: "node-1"})
	m.bootUp(t)
	s.awaitReady(t, state)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bootstraps != 3 {
		t.Errorf("%d bootstrap requests, want 3: two whose answer was lost and one that was answered", s.bootstraps)
	}
}

func TestKeyCutShortByACrash(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	m.write(t, keyFile, "-----BEGIN EC PRIV")
	m.bootUp(t)
	s.awaitReady(t, s.set(machine.State{Hostname: "node-1"}))
	if info, err := os.Stat(m.path(keyFile)); err != nil || info.Size() < 100 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestServiceAwayAtBoot(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	state := s.set(machine.State{
		Certificates: []machine.Certificate{{Name: "c", CertPath: "/c.crt", KeyPath: "/c.key"}},
		Processes:    []machine.Process{m.sh("p", `echo start >> $ROOT/starts`)},
	})
	m.bootUp(t)
	s.awaitReady(t, state)
	m.shutdown(t)
	s.stop()

	m.bootUp(t)
	eventually(t, func() bool { return m.read("starts") == "start\nstart\n" }, func() string { return "the second start" })

	began := time.Now()
	s.start(t)
	s.awaitReady(t, state)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the service heard of the machine %v after its return", took)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.issued["c"] != 1 || s.bootstraps != 1 {
		t.Errorf("%d certificates, %d bootstraps; want 1 and 1: both are on disk", s.issued["c"], s.bootstraps)
	}
}

func TestServiceAwayForAWhile(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	state := s.set(machine.State{Processes: []machine.Process{m.sh("p", "")}})
	m.bootUp(t)
	before := s.awaitReady(t, state)
	s.stop()
	pid := processNamed(before, "p").PID
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// The agent repairs on its own.
	eventually(t, func() bool {
		var b boot
		return readJSON(m.path(runDir, "boot.json"), &b) == nil && b.Processes["p"].PID > 0 && b.Processes["p"].PID != pid
	}, func() string { return "a new process without the service" })
	s.start(t)
	s.await(t, "the restart is reported", func(r machine.Report) bool {
		return r.Ready && r.BootID == before.BootID && processNamed(r, "p").Restarts == 1
	})
	// And goes on following the state.
	s.awaitReady(t, s.set(machine.State{Hostname: "other", Processes: state.Processes}))
}

func TestUnusableStateChangesNothing(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	good := machine.State{Processes: []machine.Process{m.sh("p", "")}}
	m.bootUp(t)
	before := s.awaitReady(t, s.set(good))

	tests := []struct {
		name  string
		spoil func(*machine.State)
		want  string
	}{
		{"bundle is missing", func(s *machine.State) { s.Bundle = machine.Bundle{Version: "v9.9.9", Digest: "00"} }, "bundle v9.9.9 is not on this machine"},
		{"bundle outside", func(s *machine.State) { s.Bundle = machine.Bundle{Version: "../x", Digest: "00"} }, "no name of a directory"},
		{"relative file", func(s *machine.State) { s.Files = []machine.File{{Path: "x"}} }, "not absolute"},
		{"unknown predecessor", func(s *machine.State) { s.Processes[0].After = []string{"q"} }, `after "q"`},
		{"no such user", func(s *machine.State) { s.LoginUser, s.PublicKey = "nobody-here", "ssh-ed25519 AAAA" }, "login user"},
	}
	if err := writeFile(m.path("/etc/passwd"), []byte("root:x:0:0:root:/root:/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		state := good
		state.Processes = slices.Clone(good.Processes)
		tt.spoil(&state)
		state = s.set(state)
		r := s.await(t, tt.name, func(r machine.Report) bool { return r.StateVersion == state.Version && r.Error != "" })
		if !strings.Contains(r.Error, tt.want) || r.Ready || r.Applied {
			t.Errorf("%s: ready %v, applied %v, error %q; want one with %q", tt.name, r.Ready, r.Applied, r.Error, tt.want)
		}
		if p := processNamed(r, "p"); p.PID != processNamed(before, "p").PID || !alive(p.PID) {
			t.Errorf("%s: process p is now %+v", tt.name, p)
		}
	}
	r := s.awaitReady(t, s.set(good))
	if r.Error != "" || processNamed(r, "p").PID != processNamed(before, "p").PID {
		t.Errorf("after a good state: %+v", r)
	}
}

func TestBundleOfWantedDigest(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	manifest := `{"version":"v1.30.3"}`
	m.write(t, filepath.Join(machine.BundlesDir, "v1.30.3/manifest.json"), manifest)
	m.write(t, filepath.Join(machine.BundlesDir, "v1.30.3/bin/kube"), "#!/bin/sh\nexec sleep 1000\n")
	if err := os.Chmod(m.path(machine.BundlesDir, "v1.30.3/bin/kube"), 0o755); err != nil {
		t.Fatal(err)
	}
	state := machine.State{
		Bundle:    machine.Bundle{Version: "v1.30.3", Digest: strings.Repeat("0", 64)},
		Processes: []machine.Process{{Name: "kube", Argv: []string{"bin/kube", "kubelet"}}},
	}
	m.bootUp(t)
	wrong := s.set(state)
	s.await(t, "the wrong digest is reported", func(r machine.Report) bool {
		return r.StateVersion == wrong.Version && strings.Contains(r.Error, "digest") && len(r.Processes) == 0
	})
	state.Bundle.Digest = digestOf(m.path(machine.BundlesDir, "v1.30.3/manifest.json"))
	s.awaitReady(t, s.set(state))
}

func TestWhatIsNotListedGoes(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	cert := func(name string) machine.Certificate {
		return machine.Certificate{Name: name, CertPath: "/pki/" + name + ".crt", KeyPath: "/pki/" + name + ".key"}
	}
	m.bootUp(t)
	s.awaitReady(t, s.set(machine.State{
		Files:        []machine.File{{Path: "/etc/a", Content: []byte("a")}, {Path: "/etc/b", Content: []byte("b")}},
		Certificates: []machine.Certificate{cert("one"), cert("two")},
	}))
	s.awaitReady(t, s.set(machine.State{
		Files:        []machine.File{{Path: "/etc/b", Content: []byte("b2")}},
		Certificates: []machine.Certificate{cert("two")},
	}))
	eventually(t, func() bool {
		gone := true
		for _, path := range []string{"/etc/a", "/pki/one.crt", "/pki/one.key"} {
			_, err := os.Stat(m.path(path))
			gone = gone && errors.Is(err, os.ErrNotExist)
		}
		return gone
	}, func() string { return "what is not listed any more is removed" })
	if m.read("/etc/b") != "b2" || m.read("/pki/two.key") == "" {
		t.Error("what is listed is not as it should be")
	}
}

func TestCertificateIsIssuedAnewWhenItsDescriptionChanges(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	c := machine.Certificate{Name: "c", CertPath: "/c.crt", KeyPath: "/c.key", CommonName: "one"}
	m.bootUp(t)
	s.awaitReady(t, s.set(machine.State{Certificates: []machine.Certificate{c}}))
	first := m.read("/c.crt")
	s.awaitReady(t, s.set(machine.State{Certificates: []machine.Certificate{c}, Hostname: "other"}))
	if m.read("/c.crt") != first {
		t.Error("an unchanged certificate was issued anew")
	}
	c.IPs = []string{"192.0.2.1"}
	s.awaitReady(t, s.set(machine.State{Certificates: []machine.Certificate{c}}))
	if m.read("/c.crt") == first {
		t.Error("a certificate with another description was not issued anew")
	}
}

func TestStopOnTermination(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	say := func(name string, after ...string) machine.Process {
		return machine.Process{
			Name: name, After: after, Env: []string{"ROOT=" + m.root},
			Argv: []string{"/bin/sh", "-c", "trap 'sleep 0.1; echo " + name + " >> $ROOT/stopped; exit 0' TERM; sleep 1000 & echo $! > $ROOT/" + name + ".child; wait"},
		}
	}
	state := s.set(machine.State{Processes: []machine.Process{say("a"), say("b", "a"), say("c", "b")}})
	m.bootUp(t)
	s.awaitReady(t, state)
	eventually(t, func() bool { return m.read("c.child") != "" }, func() string { return "the trap of c" })
	m.shutdown(t)
	if got := m.read("stopped"); got != "c\nb\na\n" {
		t.Errorf("stopped as %q, want c, b, a", got)
	}
	for _, name := range []string{"a", "b", "c"} {
		pid, _ := strconv.Atoi(strings.TrimSpace(m.read(name + ".child")))
		eventually(t, func() bool { return !alive(pid) }, func() string { return "the end of what " + name + " left behind" })
	}
}
