package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

const (
	scriptLedgerFile = machine.StateDir + "/scripts.json"
	scriptDir        = machine.StateDir + "/scripts"
	scriptLogDir     = "/var/log"
)

// scripts runs the user's scripts of the machine's first boot, beside
// everything else. What was begun is on disk before it begins: a script runs
// once or, when the machine stops at that moment, not to its end; never twice.
type scripts struct {
	a     *agent
	ended chan struct{} // gets a value when the last script has ended

	mu      sync.Mutex
	ledger  scriptLedger
	running bool
}

// scriptLedger is what is known of the scripts, on disk.
type scriptLedger struct {
	Done    bool                   `json:"done"` // none is to run any more
	Scripts []machine.ScriptReport `json:"scripts,omitempty"`
}

func newScripts(a *agent) *scripts {
	k := &scripts{a: a, ended: make(chan struct{}, 1)}
	err := readJSON(a.path(scriptLedgerFile), &k.ledger)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		// It cannot be told what ran, so nothing runs again.
		a.log.Error("it is not known which scripts ran; none will", "err", err)
		k.ledger = scriptLedger{Done: true}
	}
	for i := range k.ledger.Scripts {
		r := &k.ledger.Scripts[i]
		if r.Ended.IsZero() {
			r.Ended, r.ExitCode = time.Now().UTC(), machine.ScriptInterrupted
			r.Error = "interrupted: the machine stopped, or its agent was replaced, while it ran"
			k.writeExitCode(*r)
		}
	}
	k.tell()
	return k
}

// pending tells whether scripts are still to run, or run. The first state
// decides which there are: a machine whose first state lists none has none.
func (k *scripts) pending(wanted []machine.Script) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.ledger.Done && !k.running && len(wanted) == 0 {
		k.ledger.Done = true
		// Losing this to a power cut matters only when scripts are set meanwhile.
		if err := writeJSON(k.a.path(scriptLedgerFile), k.ledger, 0o600); err != nil {
			k.a.log.Warn("it could not be recorded that there are no scripts", "err", err)
		}
		k.tellLocked()
	}
	return !k.ledger.Done
}

// begin runs the scripts that have not begun yet, in the background. Calling
// it again while they run, or after, does nothing.
func (k *scripts) begin(ctx context.Context, wanted []machine.Script) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ledger.Done || k.running {
		return
	}
	k.running = true
	wanted = slices.Clone(wanted)
	go k.a.guard(func() { k.runAll(ctx, wanted) })
}

func (k *scripts) runAll(ctx context.Context, wanted []machine.Script) {
	for _, s := range wanted {
		if k.began(s.Name) {
			continue
		}
		r := machine.ScriptReport{Name: s.Name, Started: time.Now().UTC()}
		if err := k.record(r, false); err != nil {
			r.ExitCode, r.Error = machine.ScriptNotRunnable, fmt.Sprintf("could not be recorded, so it was not run: %v", err)
		} else {
			r.ExitCode, r.Error = k.run(ctx, s)
			if ctx.Err() != nil {
				return // the machine stops; the next boot finds it interrupted
			}
		}
		r.Ended = time.Now().UTC()
		k.writeExitCode(r)
		k.a.log.Info("script ended", "script", s.Name, "exit_code", r.ExitCode, "took", r.Ended.Sub(r.Started))
		if err := k.record(r, false); err != nil {
			k.a.log.Error("the end of a script could not be recorded", "script", s.Name, "err", err)
		}
	}
	if err := k.record(machine.ScriptReport{}, true); err != nil {
		k.a.log.Error("the end of the scripts could not be recorded", "err", err)
	}
	k.ended <- struct{}{}
}

func (k *scripts) began(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.ContainsFunc(k.ledger.Scripts, func(r machine.ScriptReport) bool { return r.Name == name })
}

// record keeps what is known of a script (none when it has no name), and
// returns when the disk has it.
func (k *scripts) record(r machine.ScriptReport, done bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := slices.Clone(k.ledger.Scripts)
	if i := slices.IndexFunc(list, func(s machine.ScriptReport) bool { return s.Name == r.Name }); i >= 0 {
		list[i] = r
	} else if r.Name != "" {
		list = append(list, r)
	}
	k.ledger = scriptLedger{Done: done, Scripts: list}
	defer k.tellLocked()
	return syncJSON(k.a.path(scriptLedgerFile), k.ledger, 0o600)
}

// tell puts what is known into the reports.
func (k *scripts) tell() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tellLocked()
}

func (k *scripts) tellLocked() {
	list, done := slices.Clone(k.ledger.Scripts), k.ledger.Done
	k.a.status.set(func() { k.a.status.scripts, k.a.status.scriptsDone = list, done })
}

// run runs one script to its end and tells how that was.
func (k *scripts) run(ctx context.Context, s machine.Script) (code int, trouble string) {
	if s.Name == "" || s.Name != filepath.Base(s.Name) {
		return machine.ScriptNotRunnable, fmt.Sprintf("%q is no file name", s.Name)
	}
	outputPath := k.a.path(scriptLogDir + "/" + s.Name + ".output")
	if err := os.MkdirAll(filepath.Dir(outputPath), 0o755); err != nil {
		return machine.ScriptNotRunnable, err.Error()
	}
	output, err := os.OpenFile(outputPath, os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return machine.ScriptNotRunnable, err.Error()
	}
	defer output.Close()
	pid, ends, err := k.start(s, output)
	if err != nil {
		fmt.Fprintln(output, err)
		return machine.ScriptNotRunnable, err.Error()
	}
	timeout := s.Timeout
	if timeout <= 0 {
		timeout = machine.DefaultScriptTimeout
	}
	late := time.NewTimer(time.Duration(timeout) * time.Second)
	defer late.Stop()
	select {
	case end := <-ends:
		// What it left running in the background may run on.
		switch code, trouble = scriptEnd(end), describe(end); {
		case code == 0:
			return 0, ""
		default:
			if line := lastLine(outputPath); line != "" {
				trouble += ": " + line
			}
			return code, trouble
		}
	case <-late.C:
		k.a.log.Warn("script is killed: it ran too long", "script", s.Name, "limit", timeout)
		endGroup(pid, ends)
		return machine.ScriptTimedOut, fmt.Sprintf("killed: it ran longer than %v", time.Duration(timeout)*time.Second)
	case <-ctx.Done():
		endGroup(pid, ends)
		return machine.ScriptInterrupted, "interrupted: the machine stops"
	}
}

// start writes a script to disk and starts it in a session of its own.
func (k *scripts) start(s machine.Script, output *os.File) (int, <-chan exit, error) {
	path := k.a.path(scriptDir + "/" + s.Name)
	if err := writeFile(path, s.Content, 0o700); err != nil {
		return 0, nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, nil, err
	}
	defer null.Close()
	k.a.supervisor.starting.RLock()
	defer k.a.supervisor.starting.RUnlock()
	for tries := 0; ; tries++ {
		pid, ends, err := k.a.reaper.start(path, []string{path}, &syscall.ProcAttr{
			Dir:   "/",
			Env:   []string{defaultPath, "HOME=/root", "USER=root", "SHELL=/bin/bash"},
			Files: []uintptr{null.Fd(), output.Fd(), output.Fd()},
			Sys:   &syscall.SysProcAttr{Setsid: true},
		})
		switch {
		case err == nil:
			k.a.log.Info("script started", "script", s.Name, "pid", pid)
			return pid, ends, nil
		case errors.Is(err, syscall.ETXTBSY) && tries < 100:
			// Another process was forked while the file was open for writing.
			time.Sleep(time.Millisecond)
		default:
			return 0, nil, fmt.Errorf("it cannot be run; does its first line name a program of this machine? %w", err)
		}
	}
}

// scriptEnd gives the exit code of an end as a shell would.
func scriptEnd(e exit) int {
	switch {
	case !e.known:
		return machine.ScriptInterrupted
	case e.status.Signaled():
		return 128 + int(e.status.Signal())
	}
	return e.status.ExitStatus()
}

// endGroup ends a process and its group: asked first, then made to.
func endGroup(pid int, ends <-chan exit) {
	_ = syscall.Kill(-pid, syscall.SIGTERM)
	terminate(pid, ends, 2)
}

func (k *scripts) writeExitCode(r machine.ScriptReport) {
	path := k.a.path(scriptLogDir + "/" + r.Name + ".exitcode")
	if err := writeFile(path, []byte(strconv.Itoa(r.ExitCode)+"\n"), 0o644); err != nil {
		k.a.log.Error("the exit code of a script could not be written", "script", r.Name, "err", err)
	}
}
