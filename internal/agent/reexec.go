package agent

import (
	"os"
	"runtime/debug"
	"syscall"
	"time"
)

// panicPause keeps an agent that panics again and again from using up a CPU.
const panicPause = time.Second

// guard runs f; when it panics, the agent replaces itself. The end of process
// 1 would be the end of every pod on the machine, and of a control plane.
func (a *agent) guard(f func()) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		a.log.Error("the agent panicked and starts anew; processes run on", "panic", p, "stack", string(debug.Stack()))
		time.Sleep(panicPause)
		a.replace()
		panic(p) // it could not: better to end than to run on half
	}()
	f()
}

// replace makes the agent's binary on disk the agent, in the same process:
// the children stay its children and run on, and what they are is in the boot
// record. It returns only when that failed; then all goes on as before.
func (a *agent) replace() {
	a.log.Info("the agent replaces itself", "binary", a.opt.Binary)
	// No process may start between the record and the new program.
	a.supervisor.starting.Lock()
	defer a.supervisor.starting.Unlock()
	// Nor may the record change while the old program writes it.
	a.boot.mu.Lock()
	defer a.boot.mu.Unlock()
	if err := writeJSON(a.boot.path, a.boot, 0o600); err != nil {
		a.log.Warn("the last marks are lost to the next agent", "err", err)
	}
	argv := append([]string{a.opt.Binary}, os.Args[1:]...)
	err := syscall.Exec(a.opt.Binary, argv, os.Environ())
	a.log.Error("the agent could not replace itself and goes on as it is", "binary", a.opt.Binary, "err", err)
	a.status.fail("replace", err)
}
