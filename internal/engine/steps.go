package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hanok/hanok"
)

// step is one named part of an operation. It looks first and acts then: after
// a crash every step runs again, the finished ones too.
type step struct {
	name  string
	title string   // for the user
	after []string // the steps that must have ended; the others run beside it
	run   func(o *operation, ctx context.Context) error
}

// stepsOf gives the steps of an operation, in the order that the user sees.
func stepsOf(event hanok.Event) []step {
	kinds := steps[event.Type]
	if event.Type == hanok.ClusterResize {
		if in, err := readInput(event); err == nil && len(in.Add) == 0 {
			return shrinkSteps
		}
	}
	if len(kinds) == 0 {
		return nil
	}
	return kinds[0]
}

// steps lists the ways that an operation may go, by its type.
var steps = map[hanok.EventType][][]step{
	hanok.ClusterCreate:   {createSteps},
	hanok.ClusterDelete:   {deleteSteps},
	hanok.NodeGroupCreate: {growSteps},
	hanok.NodeGroupDelete: {groupDeleteSteps},
	hanok.ClusterResize:   {growSteps, shrinkSteps},
	hanok.NodesStop:       {stopSteps},
	hanok.NodesStart:      {startSteps},
	hanok.NodeGroupFlavor: {flavorSteps},
}

// execute runs the steps, each as soon as those before it have ended. The
// first error ends the others, and is returned when all have stopped.
func (o *operation) execute(ctx context.Context, steps []step) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(map[string]chan struct{}, len(steps))
	for _, s := range steps {
		ended[s.name] = make(chan struct{})
	}
	var wg sync.WaitGroup
	for _, s := range steps {
		wg.Go(func() {
			for _, name := range s.after {
				select {
				case <-ended[name]:
				case <-ctx.Done():
					return
				}
			}
			if err := o.runStep(ctx, s); err != nil {
				cancel(err)
				return
			}
			close(ended[s.name])
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// stepError is the error of a step, with the step's title for the user.
type stepError struct {
	title string
	err   error
}

func (e *stepError) Error() string { return e.title + ": " + e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

func (o *operation) runStep(ctx context.Context, s step) (err error) {
	defer func() {
		if p := recover(); p != nil {
			o.log.Error("a step panicked", "step", s.name, "panic", p, "stack", string(debug.Stack()))
			err = &stepError{s.title, errors.New("internal error: the service's log says more")}
		}
	}()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	o.boundary(s.name, false)
	o.progress.begin(s.name)
	started := time.Now()
	if err := s.run(o, ctx); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx) // it was stopped; what stopped it is the news
		}
		return &stepError{s.title, err}
	}
	took := time.Since(started)
	o.e.metrics.step.WithLabelValues(string(o.event.Type), s.name).Observe(took.Seconds())
	o.log.Debug("step ended", "step", s.name, "took", took)
	o.boundary(s.name, true)
	o.progress.end(s.name)
	return nil
}

func (o *operation) boundary(step string, after bool) {
	if o.e.cfg.AtBoundary != nil {
		o.e.cfg.AtBoundary(Boundary{o.event.Type, step, after})
	}
}

// progress is what the steps under way say, as the event shows it.
type progress struct {
	steps   []step
	changed chan struct{} // holds one token after a change

	mu     sync.Mutex
	ended  map[string]bool
	detail map[string]string
	latest string // detail that was said
	failed string // why the operation fails, once it is putting things back
}

func newProgress(steps []step) *progress {
	return &progress{steps: steps, changed: make(chan struct{}, 1), ended: map[string]bool{}, detail: map[string]string{}}
}

func (p *progress) begin(step string) { p.say(step, "") }

// say sets what a step is at: "waiting for the API server".
func (p *progress) say(step, detail string) {
	p.mu.Lock()
	old, said := p.detail[step]
	p.detail[step] = detail
	p.latest = detail
	p.mu.Unlock()
	if !said || old != detail {
		p.tell()
	}
}

// fail tells from now on that the operation fails, and what is put back.
func (p *progress) fail(reason string) {
	p.mu.Lock()
	p.failed, p.latest = reason, ""
	p.mu.Unlock()
	p.tell()
}

func (p *progress) end(step string) {
	p.mu.Lock()
	p.ended[step] = true
	p.mu.Unlock()
	p.tell()
}

func (p *progress) tell() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// now gives the first step that has not ended, and the contents that tell of
// it: "3/7 control plane: waiting for the API server".
func (p *progress) now() (step, contents string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != "" {
		return "retreat", joinNonEmpty("failing, things are put back first", p.latest, p.failed)
	}
	for i, s := range p.steps {
		if p.ended[s.name] {
			continue
		}
		contents = fmt.Sprintf("%d/%d %s", i+1, len(p.steps), s.title)
		if d := p.detail[s.name]; d != "" {
			contents += ": " + d
		}
		return s.name, contents
	}
	return "", ""
}
