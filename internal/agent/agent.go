// Package agent is the program inside every machine. It gets the machine's
// desired state from the service, makes it so and keeps it so, and reports
// what is. In a local machine it is PID 1.
//
//	start → prepare the machine → take up the last state from disk ─┐
//	      → bootstrap (first boot) → poll the service ──────────────┤
//	                                                                ▼
//	  report ◄── supervise processes ◄── apply: files, certificates, …
//
// The service may be away at any time: what runs goes on running, and what
// ends is started again. A SIGHUP replaces the agent by its binary on disk
// and keeps every process (see reexec.go); SIGTERM stops the machine.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

// Options tells Run what it is in charge of.
type Options struct {
	// Root stands before every path that the agent reads, writes or hands to
	// a probe; "" on a real machine. Command lines are not changed by it.
	Root string
	// OwnsMachine: the agent sets host name, mounts, cgroups and sysctls,
	// and reaps orphans. False for an agent that runs beside other programs.
	OwnsMachine bool
	// Version is the program's version, for reports.
	Version string
	// Binary is what a SIGHUP replaces the agent by, with the same
	// arguments; "" is machine.AgentBinary.
	Binary string
	Log    *slog.Logger

	taken func(machine.State) // for tests: called with each state that is taken up
}

// Memory: tens of machines share one host, and an agent has little to do. A
// heap this small is collected in well under a millisecond.
const (
	gcPercent   = 25
	memoryLimit = 16 << 20 // bytes; soft, past it the collector works harder
)

// reportEvery is the longest silence of an agent.
const reportEvery = 20 * time.Second

// agent is one running agent.
type agent struct {
	opt        Options
	log        *slog.Logger
	config     machine.Config
	boot       *boot
	status     *status
	service    *service
	reaper     *reaper
	supervisor *supervisor
	scripts    *scripts
	states     chan machine.State // newest desired state, at most one
}

// Run is the agent. It returns when ctx ends and every process is stopped,
// or when it cannot even begin.
func Run(ctx context.Context, opt Options) error {
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimit)
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Binary == "" {
		opt.Binary = machine.AgentBinary
	}
	started := time.Now()
	a := &agent{opt: opt, log: opt.Log, states: make(chan machine.State, 1)}
	if err := readJSON(a.path(machine.ConfigPath), &a.config); err != nil {
		return fmt.Errorf("the machine's configuration: %w", err)
	}
	if opt.OwnsMachine {
		if err := a.ownOutput(); err != nil {
			return err
		}
		a.prepareMachine()
	}
	for _, dir := range []string{machine.StateDir, runDir, logDir} {
		if err := os.MkdirAll(a.path(dir), 0o700); err != nil {
			return fmt.Errorf("a directory of the agent: %w", err)
		}
	}
	a.boot = openBoot(a.path(runDir))
	a.status = newStatus(a.boot, opt.Version)
	a.status.markAt("agent_start", started)
	a.status.mark("prepared")
	a.log.Info("agent starts", "machine", a.config.MachineKey, "boot", a.boot.ID, "taken_over", len(a.boot.Processes))
	var err error
	if a.service, err = newService(a.config); err != nil {
		return fmt.Errorf("%s: %w", machine.ConfigPath, err)
	}
	a.reaper = newReaper(opt.OwnsMachine, a.boot.pids())
	defer a.reaper.close()
	a.supervisor = newSupervisor(a)
	a.scripts = newScripts(a)
	return a.work(ctx)
}

// work runs the loops until ctx ends, then stops the processes.
func (a *agent) work(ctx context.Context) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)

	loops, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	last, err := a.lastState()
	switch {
	case err == nil:
		a.take(last)
	case !errors.Is(err, os.ErrNotExist):
		a.log.Error("the last state cannot be read; waiting for the service", "err", err)
	}
	for _, loop := range []func(context.Context){a.reconcile, a.converse, a.rotateLogs} {
		wg.Go(func() { a.guard(func() { loop(loops) }) })
	}
	for {
		select {
		case <-hangup:
			a.replace() // returns only when it failed
		case <-ctx.Done():
			a.log.Info("agent stops")
			stop()
			wg.Wait()
			a.supervisor.shutdown()
			return nil
		}
	}
}

// converse becomes known to the service, then polls it and reports to it.
func (a *agent) converse(ctx context.Context) {
	if !a.join(ctx) {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { a.guard(func() { a.poll(ctx) }) })
	wg.Go(func() { a.guard(func() { a.report(ctx) }) })
	wg.Wait()
}

// take hands the newest state to reconcile; one that waits is replaced.
func (a *agent) take(s machine.State) {
	select {
	case <-a.states:
	default:
	}
	a.states <- s // take is called by one goroutine at a time
}

// path gives a path of the machine as the agent can open it.
func (a *agent) path(p string) string {
	if a.opt.Root == "" || p == "" {
		return p
	}
	return filepath.Join(a.opt.Root, p)
}
