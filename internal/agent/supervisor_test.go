package agent

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

func TestProcessThatEndsIsStartedAgain(t *testing.T) {
	t.Parallel()
	s, m := newBootedMachine(t)
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
	s, m := newBootedMachine(t)
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
	changes.Argv[2] = "exec sleep 200"
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
	s, m := newBootedMachine(t)
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
	s, m := newBootedMachine(t)
	p := machine.Process{
		Name: "p", Env: []string{"ROOT=" + m.root},
		Argv: []string{"/bin/sh", "-c", "mkdir $ROOT/lock || exit 9; trap 'sleep 0.3; rmdir $ROOT/lock; exit' TERM; sleep 100 & wait"},
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
