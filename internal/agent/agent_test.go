package agent

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

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

func TestStopOnTermination(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	say := func(name string, after ...string) machine.Process {
		return machine.Process{
			Name: name, After: after, Env: []string{"ROOT=" + m.root},
			Argv: []string{"/bin/sh", "-c", "trap 'sleep 0.1; echo " + name + " >> $ROOT/stopped; exit 0' TERM; sleep 100 & echo $! > $ROOT/" + name + ".child; wait"},
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
