package agent

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/hanok/hanok/internal/machine"
)

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
	changes.Argv[2] = "exec sleep 200"
	r := s.awaitReady(t, s.set(machine.State{Processes: []machine.Process{keeps, changes}}))
	if processNamed(r, "changes").PID == processNamed(before, "changes").PID {
		t.Error("a changed process was not restarted")
	}
	old := processNamed(before, "goes").PID
	eventually(t, func() bool { return !alive(old) }, func() string { return "the end of a taken-over process" })
}

func TestAgentThatFailsToReplaceItselfGoesOn(t *testing.T) {
	t.Parallel()
	s, m := newBootedMachine(t)
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
	s, m := newBootedMachine(t)
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
	s, m := newBootedMachine(t)
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
