package agent

import (
	"context"
	"slices"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

// A state that could not be applied is tried again after a pause that grows
// between these.
const (
	minApplyPause = 100 * time.Millisecond
	maxApplyPause = 5 * time.Second
)

// reconcile makes each state that is taken so, and again when that failed or
// when a certificate is to be renewed. One goroutine does it all, so two
// states never mix.
func (a *agent) reconcile(ctx context.Context) {
	var (
		current machine.State
		have    bool
		pause   = minApplyPause
		again   = time.NewTimer(time.Hour)
		images  task // these wait for processes, so they run beside the loop
		routes  task
		logins  task
	)
	defer again.Stop()
	defer images.stop()
	defer routes.stop()
	defer logins.stop()
	for {
		select {
		case <-ctx.Done():
			return
		case next := <-a.states:
			if !have || next.Version != current.Version {
				pause = minApplyPause
			}
			current, have = next, true
			images.stop() // it would speak for the state before
			a.status.takeUp(current.Version)
			if a.opt.taken != nil {
				a.opt.taken(current)
			}
		case <-a.scripts.ended:
			if !have {
				continue
			}
		case <-again.C:
			if !have {
				continue
			}
		}
		renew, err := a.apply(ctx, current)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.log.Error("the state could not be applied; trying again", "version", current.Version, "pause", pause, "err", err)
			a.status.fail("apply", err)
			again.Reset(pause)
			pause = min(2*pause, maxApplyPause)
		default:
			a.status.clear("apply")
			pause = minApplyPause
			again.Reset(max(time.Until(renew), time.Minute))
			a.scripts.begin(ctx, current.Scripts)
			images.start(ctx, func(ctx context.Context) { a.guard(func() { a.loadImages(ctx, current) }) })
			routes.stop()
			if p := current.PodRoutes; p != nil {
				routes.start(ctx, func(ctx context.Context) { a.guard(func() { a.keepPodRoutes(ctx, *p) }) })
			}
			if !wantsLogins(current) {
				logins.stop()
			} else if !logins.running() {
				logins.start(ctx, func(ctx context.Context) { a.guard(func() { a.offerLogins(ctx) }) })
			}
		}
	}
}

// apply puts everything in place that processes need, then hands the
// processes to the supervisor. When it fails, what runs goes on running as it
// is. It gives the time when a certificate must be renewed.
func (a *agent) apply(ctx context.Context, s machine.State) (renew time.Time, err error) {
	// The disk may take its time while the rest goes on; but a state must be
	// able to survive a power cut before it is reported as applied.
	kept := make(chan error, 1)
	go func() { kept <- a.keepStateOnce(s) }()
	defer func() {
		if kerr := <-kept; err == nil {
			err = kerr
		}
	}()

	if err := a.checkBundle(s.Bundle); err != nil {
		return time.Time{}, err
	}
	a.setHostname(s.Hostname)
	a.setSysctls(s.Sysctls)
	if err := a.writeFiles(s.Files); err != nil {
		return time.Time{}, err
	}
	a.status.mark("files")
	if renew, err = a.certify(ctx, s.Certificates); err != nil {
		return time.Time{}, err
	}
	a.status.mark("certificates")
	if err := a.authorizeKey(s); err != nil {
		return time.Time{}, err
	}
	if err := a.seedContainerd(s); err != nil {
		return time.Time{}, err
	}
	processes, err := a.processes(s)
	if err != nil {
		return time.Time{}, err
	}
	if a.scripts.pending(s.Scripts) {
		processes = slices.DeleteFunc(processes, func(p process) bool { return slices.Contains(s.AfterScripts, p.Name) })
	}
	a.supervisor.set(processes)
	a.removeStale(s)
	return renew, nil
}

// task runs one function in the background; starting it anew ends the one
// before. It belongs to one goroutine. The zero value is ready for use.
type task struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func (t *task) start(ctx context.Context, f func(context.Context)) {
	t.stop()
	ctx, t.cancel = context.WithCancel(ctx)
	done := make(chan struct{})
	t.done = done
	go func() {
		defer close(done)
		f(ctx)
	}()
}

// running tells whether a function was started and not stopped; it may have
// ended by itself.
func (t *task) running() bool { return t.cancel != nil }

// stop ends the function and waits for it.
func (t *task) stop() {
	if t.cancel != nil {
		t.cancel()
		<-t.done
		t.cancel = nil
	}
}
