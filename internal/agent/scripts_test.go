package agent

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

func script(name, content string) machine.Script {
	return machine.Script{Name: name, Content: []byte(content)}
}

func scriptNamed(r machine.Report, name string) machine.ScriptReport {
	for _, s := range r.Scripts {
		if s.Name == name {
			return s
		}
	}
	return machine.ScriptReport{}
}

// TestScriptsRunOnceBeforeTheProcessesThatWait walks two scripts through the
// first boot, a later state with other scripts, and a second boot.
func TestScriptsRunOnceBeforeTheProcessesThatWait(t *testing.T) {
	t.Parallel()
	s, m := newBootedMachine(t)
	state := machine.State{
		Processes: []machine.Process{
			m.sh("early", ""),
			m.sh("late", "cat $ROOT/order > $ROOT/seen"),
		},
		AfterScripts: []string{"late"},
		Scripts: []machine.Script{
			script("userscript", "#!/bin/sh\nwhile [ ! -e "+m.path("go")+" ]; do sleep 0.02; done\necho old >> "+m.path("order")+"\necho to out\necho to err >&2\n"),
			script("userscript_v2", "#!/bin/sh\necho v2 >> "+m.path("order")+"\necho the reason\nexit 3\n"),
		},
	}
	version := s.set(state)
	r := s.await(t, "the early process beside the running script", func(r machine.Report) bool {
		return processNamed(r, "early").State == machine.ProcessReady && scriptNamed(r, "userscript").Name != ""
	})
	if p := processNamed(r, "late"); p.Name != "" || r.Ready || r.ScriptsDone {
		t.Errorf("while a script runs the late process is %+v, ready %v, done %v", p, r.Ready, r.ScriptsDone)
	}
	m.write(t, "go", "")
	r = s.awaitReady(t, version)
	if got := m.read("seen"); got != "old\nv2\n" {
		t.Errorf("the late process saw %q", got)
	}
	if got := scriptNamed(r, "userscript"); got.ExitCode != 0 || got.Error != "" || got.Ended.IsZero() {
		t.Errorf("the first script: %+v", got)
	}
	if got := scriptNamed(r, "userscript_v2"); got.ExitCode != 3 || got.Error != "exit status 3: the reason" {
		t.Errorf("the second script: %+v", got)
	}
	for path, want := range map[string]string{
		"/var/log/userscript.output": "to out\nto err\n", "/var/log/userscript.exitcode": "0\n",
		"/var/log/userscript_v2.output": "the reason\n", "/var/log/userscript_v2.exitcode": "3\n",
	} {
		if got := m.read(path); got != want {
			t.Errorf("%s holds %q, want %q", path, got, want)
		}
	}

	state.Scripts = []machine.Script{script("userscript_v2", "#!/bin/sh\necho again >> "+m.path("order")+"\n"), script("new", "#!/bin/sh\necho new >> "+m.path("order")+"\n")}
	before := processNamed(s.awaitReady(t, s.set(state)), "early").PID
	m.shutdown(t)
	m.bootUp(t)
	r = s.await(t, "the second boot", func(r machine.Report) bool { return processNamed(r, "early").PID != before && r.Ready })
	if got := m.read("order"); got != "old\nv2\n" {
		t.Errorf("scripts ran again: %q", got)
	}
	if got := scriptNamed(r, "userscript_v2"); got.ExitCode != 3 {
		t.Errorf("after the second boot the report says %+v", got)
	}
}

func TestScriptsSetAfterTheFirstBootDoNotRun(t *testing.T) {
	t.Parallel()
	s, m := newBootedMachine(t)
	state := machine.State{Processes: []machine.Process{m.sh("only", "")}}
	s.awaitReady(t, s.set(state))
	state.Scripts = []machine.Script{script("userscript_v2", "#!/bin/sh\ntouch "+m.path("ran")+"\n")}
	state.AfterScripts = []string{"only"}
	r := s.awaitReady(t, s.set(state))
	if len(r.Scripts) != 0 || exists(m.path("ran")) {
		t.Errorf("a script that came later ran: %+v", r.Scripts)
	}
}

// TestScriptsThatCannotEndWell: each ends with a code that says how, and
// holds up nothing.
func TestScriptsThatCannotEndWell(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		content string
		code    int
		says    string
	}{
		"hangs":          {"#!/bin/sh\ntrap '' TERM\nsleep 1000 &\nwait; sleep 1000\n", machine.ScriptTimedOut, "longer than 1s"},
		"no interpreter": {"#!/no/such/shell\n", machine.ScriptNotRunnable, "first line"},
		"killed":         {"#!/bin/sh\nkill -KILL $$\n", 137, "killed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, m := newBootedMachine(t)
			bad := script("userscript", c.content)
			bad.Timeout = 1
			r := s.awaitReady(t, s.set(machine.State{
				Scripts:   []machine.Script{bad, script("userscript_v2", "#!/bin/sh\ntouch "+m.path("second")+"\n")},
				Processes: []machine.Process{m.sh("late", "")}, AfterScripts: []string{"late"},
			}))
			got := scriptNamed(r, "userscript")
			if got.ExitCode != c.code || !strings.Contains(got.Error, c.says) {
				t.Errorf("reported as %+v, want code %d and %q", got, c.code, c.says)
			}
			if !exists(m.path("second")) {
				t.Error("the second script did not run")
			}
		})
	}
}

func TestScriptOfAMachineThatStopsIsNotRunAgain(t *testing.T) {
	t.Parallel()
	s, m := newBootedMachine(t)
	version := s.set(machine.State{
		Scripts:   []machine.Script{script("userscript", "#!/bin/sh\necho run >> "+m.path("runs")+"\nexec sleep 1000\n")},
		Processes: []machine.Process{m.sh("late", "")}, AfterScripts: []string{"late"},
	})
	deadline := time.Now().Add(10 * time.Second)
	for !exists(m.path("runs")) {
		if time.Now().After(deadline) {
			t.Fatal("the script does not run")
		}
		time.Sleep(5 * time.Millisecond)
	}
	m.shutdown(t)
	m.bootUp(t)
	r := s.awaitReady(t, version)
	if got := scriptNamed(r, "userscript"); got.ExitCode != machine.ScriptInterrupted || !strings.Contains(got.Error, "interrupted") {
		t.Errorf("reported as %+v", got)
	}
	if got := m.read("runs"); got != "run\n" {
		t.Errorf("it ran %q", got)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
