package agent

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

// The pause before a process is started again doubles from the first to the
// second; one that ran for a while begins anew.
const (
	minRestartPause = 100 * time.Millisecond
	maxRestartPause = 10 * time.Second
	ranForAWhile    = 30 * time.Second
	defaultStop     = 5 * time.Second
)

// unit is one supervised process. What is below the line is guarded by s.mu.
type unit struct {
	s        *supervisor
	process  process
	previous *unit // the same process as it was described before
	ctx      context.Context
	stop     context.CancelFunc
	done     chan struct{} // closed when the process has ended for good
	adopted  *carried
	// ---
	begun    bool
	state    machine.ProcessState
	pid      int
	restarts int
	lastExit string
	since    time.Time
}

// inherit takes over a process that an earlier agent of this boot started.
func (u *unit) inherit(c carried) {
	u.adopted = &c
	u.restarts, u.lastExit, u.since = c.Restarts, c.LastExit, c.Since
	if c.Hash == u.process.hash {
		u.pid, u.state = c.PID, machine.ProcessRunning
		if c.Ready {
			u.state = machine.ProcessReady
		}
	}
}

// run keeps the process running until the unit is stopped.
func (u *unit) run() {
	defer close(u.done)
	defer u.enter(machine.ProcessStopped, 0)
	if u.previous != nil {
		u.previous.stop()
		<-u.previous.done
		u.previous = nil
	}
	waited := false
	if c := u.adopted; c != nil {
		u.adopted, waited = nil, true
		ends := u.s.reaper.adopt(c.PID, c.StartTime)
		if c.Hash != u.process.hash {
			terminate(c.PID, ends, c.StopTimeout)
			u.s.forget(u.process.Name)
			waited = false
		} else if u.watch(*c, ends) {
			return
		}
	}
	pause := minRestartPause
	for u.await(!waited) {
		waited = true
		began := time.Now()
		c, ends, err := u.start()
		if err != nil {
			u.failed(fmt.Sprintf("could not be started: %v", err))
		} else if u.watch(c, ends) {
			return
		}
		if time.Since(began) > ranForAWhile {
			pause = minRestartPause
		}
		if !sleep(u.ctx, pause) {
			return
		}
		pause = min(2*pause, maxRestartPause)
	}
}

// await waits for what must be there before a start; false when the unit was
// stopped meanwhile.
func (u *unit) await(first bool) bool {
	if u.s.await(u.ctx, u.process.After...) != nil {
		return false
	}
	if first && u.process.WaitFor != nil {
		return u.s.agent.probe(u.ctx, *u.process.WaitFor) == nil
	}
	return u.ctx.Err() == nil
}

// start starts the process, in a session of its own: no signal of a terminal
// or to the agent's group reaches it.
func (u *unit) start() (carried, <-chan exit, error) {
	u.s.starting.RLock()
	defer u.s.starting.RUnlock()
	log, err := openLog(u.s.agent.path(logDir), u.process.Name)
	if err != nil {
		return carried{}, nil, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return carried{}, nil, err
	}
	defer null.Close()
	env := append([]string{defaultPath, "HOME=/root"}, u.process.Env...)
	pid, ends, err := u.s.reaper.start(u.process.path, u.process.Argv, &syscall.ProcAttr{
		Dir:   "/",
		Env:   env,
		Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return carried{}, nil, fmt.Errorf("%s: %w", u.process.path, err)
	}
	u.s.status.mark("process:" + u.process.Name + ":started")
	u.s.log.Info("process started", "process", u.process.Name, "pid", pid)
	c := carried{PID: pid, Hash: u.process.hash, Since: time.Now(), StopTimeout: u.process.StopTimeout}
	if stat, err := readProcStat(pid); err == nil {
		c.StartTime = stat.startTime
	}
	u.enter(machine.ProcessRunning, pid)
	u.s.mu.Lock()
	c.Restarts, c.LastExit = u.restarts, u.lastExit
	u.s.mu.Unlock()
	u.s.remember(u, c)
	return c, ends, nil
}

// watch follows a running process to its end; true when it was stopped
// because the unit was.
func (u *unit) watch(c carried, ends <-chan exit) (stopped bool) {
	probing, cancel := context.WithCancel(u.ctx)
	defer cancel()
	var ready chan struct{} // nil when it is known to be ready already
	if !c.Ready {
		ready = make(chan struct{})
		go u.s.agent.guard(func() {
			if u.process.Ready == nil || u.s.agent.probe(probing, *u.process.Ready) == nil {
				close(ready)
			}
		})
	}
	for {
		select {
		case <-ready:
			ready, c.Ready = nil, true
			u.s.status.mark("process:" + u.process.Name + ":ready")
			u.enter(machine.ProcessReady, c.PID)
			u.s.remember(u, c)
		case end := <-ends:
			killGroup(c.PID)
			u.failed(describe(end))
			u.s.forget(u.process.Name)
			return false
		case <-u.ctx.Done():
			terminate(c.PID, ends, u.process.StopTimeout)
			u.s.forget(u.process.Name)
			u.s.log.Info("process stopped", "process", u.process.Name, "pid", c.PID)
			return true
		}
	}
}

// enter records a state.
func (u *unit) enter(state machine.ProcessState, pid int) {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	u.state, u.pid, u.since = state, pid, time.Now()
	u.s.wake()
}

// failed records that the process ended, or could not be started.
func (u *unit) failed(how string) {
	if line := lastLine(logPath(u.s.agent.path(logDir), u.process.Name)); line != "" {
		how += ": " + line
	}
	u.s.log.Warn("process ended", "process", u.process.Name, "how", how)
	u.s.mu.Lock()
	u.restarts++
	u.lastExit = how
	u.s.mu.Unlock()
	u.enter(machine.ProcessWaiting, 0)
}

func describe(e exit) string {
	switch {
	case !e.known:
		return "ended"
	case e.status.Signaled():
		return "signal: " + e.status.Signal().String()
	}
	return fmt.Sprintf("exit status %d", e.status.ExitStatus())
}

// terminate asks a process to end, makes it end after timeout (seconds, 0 is
// 5), and returns when it has.
func terminate(pid int, ends <-chan exit, timeout int) {
	patience := defaultStop
	if timeout > 0 {
		patience = time.Duration(timeout) * time.Second
	}
	_ = syscall.Kill(pid, syscall.SIGTERM) // gone already is fine
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-ends:
	case <-late.C:
		killGroup(pid)
		_ = syscall.Kill(pid, syscall.SIGKILL)
		<-ends
	}
	killGroup(pid)
}

// killGroup ends what a process left in its own group, a shell's children
// say. Containers are in groups of their own and are not touched.
func killGroup(pid int) {
	if pid > 1 {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
}
