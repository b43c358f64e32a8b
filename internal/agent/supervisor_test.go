package agent

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

func TestProcessThatEndsIsStartedAgain(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	m.bootUp(t)
	s.set(machine.State{Processes: []machine.Process{
		{Name: "fails", Argv: []string{"/bin/sh", "-c", "date +%s%N >> $ROOT/starts; echo first line; echo the reason; exit 7"}, Env: []string{"ROOT=" + m.root}},
		{Name: "missing", Argv: []string{"/no/such/program"}},
		m.sh("steady", ""),
	}})
	r := s.await(t, "five failures", func(r machine.Report) bool { return processNamed(r, "fails").Restarts >= 5 })
	if got := processNamed(r, "fails").LastExit; got != "exit status 7: the reason" {
		t.Errorf("last exit is %q", got)
	}
	if got := processNamed(r, "missing"); !strings.Contains(got.LastExit, "/no/such/program") || got.State != machine.ProcessWaiting {
		t.Errorf("a program that does not exist: %+v", got)
	}
	if got := processNamed(r, "steady"); got.State != machine.ProcessReady || got.Restarts != 0 {
		t.Errorf("its neighbour: %+v", got)
	}
	if r.Ready {
		t.Error("ready with a process that is not")
	}
	starts := strings.Fields(m.read("starts"))
	between := func(i int) time.Duration {
		a, _ := time.ParseDuration(starts[i] + "ns")
		b, _ := time.ParseDuration(starts[i+1] + "ns")
		return b - a
	}
	if between(0) < 100*time.Millisecond || between(3) < 800*time.Millisecond {
		t.Errorf("pauses of %v and %v, want at least 100 ms and 800 ms", between(0), between(3))
	}
}

func TestOnlyWhatChangedIsRestarted(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	m.bootUp(t)
	same, changes, reads, goes := m.sh("same", ""), m.sh("changes", ": one"), m.sh("reads", ""), m.sh("goes", "")
	reads.RestartOn = []string{"/etc/reads.conf"}
	state := machine.State{
		Files:     []machine.File{{Path: "/etc/reads.conf", Content: []byte("1")}, {Path: "/etc/other", Content: []byte("1")}},
		Processes: []machine.Process{same, changes, reads, goes},
	}
	before := s.awaitReady(t, s.set(state))

	state.Files[1].Content = []byte("2")
	after := s.awaitReady(t, s.set(state))
	for _, name := range []string{"same", "changes", "reads", "goes"} {
		if processNamed(before, name).PID != processNamed(after, name).PID {
			t.Errorf("%s was restarted for a file that is nothing to it", name)
		}
	}

	state.Files[0].Content = []byte("2")
	changes.Argv[2] = "exec sleep 2000"
	state.Processes = []machine.Process{same, changes, reads}
	after = s.awaitReady(t, s.set(state))
	if processNamed(before, "same").PID != processNamed(after, "same").PID {
		t.Error("same was restarted")
	}
	for _, name := range []string{"changes", "reads"} {
		p := processNamed(after, name)
		if p.PID == processNamed(before, name).PID || p.PID == 0 {
			t.Errorf("%s was not restarted", name)
		}
		if p.Restarts != 0 {
			t.Errorf("%s: a wanted restart counts as %d failures", name, p.Restarts)
		}
	}
	gone := processNamed(before, "goes").PID
	eventually(t, func() bool { return !alive(gone) }, func() string { return "the end of a process that is not wanted" })
	if len(after.Processes) != 3 {
		t.Errorf("%d processes are reported, want 3", len(after.Processes))
	}
}

func TestProcessThatDoesNotStopIsKilled(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	m.bootUp(t)
	stubborn := machine.Process{
		Name: "stubborn", StopTimeout: 1, Ready: &machine.Probe{File: "/deaf"}, Env: []string{"ROOT=" + m.root},
		Argv: []string{"/bin/sh", "-c", "trap '' TERM; touch $ROOT/deaf; while :; do sleep 1; done"},
	}
	before := s.awaitReady(t, s.set(machine.State{Processes: []machine.Process{stubborn}}))
	began := time.Now()
	s.awaitReady(t, s.set(machine.State{}))
	pid := processNamed(before, "stubborn").PID
	eventually(t, func() bool { return !alive(pid) }, func() string { return "the end of a process that ignores SIGTERM" })
	if took := time.Since(began); took < time.Second {
		t.Errorf("it was killed after %v, before its time to stop was over", took)
	}
}

func TestProcessThatComesBackWaitsForItsFormerSelf(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	m.bootUp(t)
	p := machine.Process{
		Name: "p", Env: []string{"ROOT=" + m.root},
		Argv: []string{"/bin/sh", "-c", "mkdir $ROOT/lock || exit 9; trap 'sleep 0.3; rmdir $ROOT/lock; exit' TERM; sleep 1000 & wait"},
	}
	want := machine.State{Processes: []machine.Process{p}}
	s.awaitReady(t, s.set(want))
	eventually(t, func() bool { _, err := os.Stat(m.path("lock")); return err == nil }, func() string { return "the lock" })
	without := s.set(machine.State{})
	s.await(t, "nothing is wanted", func(r machine.Report) bool { return r.StateVersion == without.Version && len(r.Processes) == 0 })
	r := s.awaitReady(t, s.set(want))
	if got := processNamed(r, "p"); got.Restarts != 0 {
		t.Errorf("two of one process ran side by side: %+v", got)
	}
}

func TestAgentReplacesItself(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	keeps, changes, goes := m.sh("keeps", ""), m.sh("changes", ": one"), m.sh("goes", "")
	m.bootUp(t)
	before := s.awaitReady(t, s.set(machine.State{Processes: []machine.Process{keeps, changes, goes}}))
	pid := m.cmd.Process.Pid

	m.write(t, "version", "two")
	if err := m.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	after := s.await(t, "a report of the new agent", func(r machine.Report) bool { return r.AgentVersion == "two" && r.Ready })
	if m.cmd.Process.Pid != pid || !alive(pid) {
		t.Error("the agent is another process")
	}
	if after.BootID != before.BootID || !after.Marks["bootstrapped"].Equal(before.Marks["bootstrapped"]) {
		t.Error("boot id or marks were lost")
	}
	for _, p := range before.Processes {
		if got := processNamed(after, p.Name); got.PID != p.PID || got.Restarts != 0 || got.State != machine.ProcessReady {
			t.Errorf("process was %+v, is %+v", p, got)
		}
	}
	// What was taken over is supervised like what was started.
	kept := processNamed(before, "keeps").PID
	if err := syscall.Kill(kept, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.await(t, "the taken-over process is started again", func(r machine.Report) bool {
		p := processNamed(r, "keeps")
		return r.Ready && p.Restarts == 1 && p.PID != kept && strings.HasPrefix(p.LastExit, "signal: killed")
	})
	changes.Argv[2] = "exec sleep 2000"
	r := s.awaitReady(t, s.set(machine.State{Processes: []machine.Process{keeps, changes}}))
	if processNamed(r, "changes").PID == processNamed(before, "changes").PID {
		t.Error("a changed process was not restarted")
	}
	old := processNamed(before, "goes").PID
	eventually(t, func() bool { return !alive(old) }, func() string { return "the end of a taken-over process" })
}

func TestAgentThatFailsToReplaceItselfGoesOn(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	m.bootUp(t)
	before := s.awaitReady(t, s.set(machine.State{Processes: []machine.Process{m.sh("p", "")}}))
	if err := os.Remove(m.path("agent")); err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.await(t, "the failure is reported", func(r machine.Report) bool { return strings.Contains(r.Error, "replace") })
	r := s.awaitReady(t, s.set(machine.State{Processes: []machine.Process{m.sh("p", ""), m.sh("q", "")}}))
	if processNamed(r, "p").PID != processNamed(before, "p").PID {
		t.Error("p was restarted")
	}
}

func TestAgentThatPanicsStartsAnew(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	m.bootUp(t)
	state := machine.State{Processes: []machine.Process{m.sh("p", "")}}
	before := s.awaitReady(t, s.set(state))
	m.write(t, "version", "two") // which does not panic
	state.Hostname = "panic"
	r := s.awaitReady(t, s.set(state))
	if r.AgentVersion != "two" || r.BootID != before.BootID || !strings.Contains(m.log.String(), "as the test wants it") {
		t.Errorf("agent %s, boot %s; want agent two in boot %s, and the panic in the log", r.AgentVersion, r.BootID, before.BootID)
	}
	if processNamed(r, "p").PID != processNamed(before, "p").PID {
		t.Error("the process was restarted")
	}
}

// A killed agent leaves processes that are not the next one's children.
func TestProcessesOfAKilledAgentAreTakenOver(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	m.bootUp(t)
	state := machine.State{Processes: []machine.Process{m.sh("keeps", ""), m.sh("goes", "")}}
	before := s.awaitReady(t, s.set(state))
	m.kill()
	state.Processes = state.Processes[:1]
	wanted := s.set(state)
	m.bootUp(t)
	after := s.awaitReady(t, wanted)
	kept := processNamed(before, "keeps").PID
	if got := processNamed(after, "keeps").PID; got != kept {
		t.Errorf("the process has pid %d, had %d", got, kept)
	}
	gone := processNamed(before, "goes").PID
	eventually(t, func() bool { return !alive(gone) }, func() string { return "the end of what is not wanted" })
	if err := syscall.Kill(kept, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.await(t, "its end is noticed", func(r machine.Report) bool {
		p := processNamed(r, "keeps")
		return r.Ready && p.Restarts == 1 && p.PID != kept
	})
}

func TestWaitForAndProbes(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	m.bootUp(t)
	p := m.sh("p", "echo start >> $ROOT/starts")
	p.WaitFor = &machine.Probe{File: "/go"}
	p.Ready = &machine.Probe{URL: "https://" + s.addr + machine.PathState, CAPath: "/ca.crt", CertPath: certFile, KeyPath: keyFile}
	state := s.set(machine.State{Processes: []machine.Process{p}})
	r := s.await(t, "the state is applied", func(r machine.Report) bool { return r.StateVersion == state.Version && r.Applied })
	if got := processNamed(r, "p"); got.State != machine.ProcessWaiting || m.read("starts") != "" {
		t.Errorf("p started before what it waits for: %+v", got)
	}
	m.write(t, "go", "")
	s.await(t, "p runs", func(r machine.Report) bool { return processNamed(r, "p").State == machine.ProcessRunning })
	// The name in the certificate is not the one in the URL: not ready.
	m.write(t, "ca.crt", string(s.caPEM))
	eventually(t, func() bool { return strings.Count(s.tlsErrors.String(), "bad certificate") > 3 }, func() string { return "probes" })
	s.mu.Lock()
	got := processNamed(s.report, "p")
	s.mu.Unlock()
	if got.State != machine.ProcessRunning {
		t.Errorf("a server with a certificate for another name made p %s", got.State)
	}
}
