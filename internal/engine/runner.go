package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/diskfault"
	"github.com/hanok/hanok/internal/store"
)

// The ways in which an operation ends without being done.
var (
	// errFenced: another worker took it over, or a delete ended it.
	errFenced = errors.New("this operation was taken over or ended by another worker")
	// errSuperseded: a delete of the cluster stops it between two actions.
	errSuperseded = errors.New("superseded by deletion")
	errDeadline   = errors.New("the deadline of the operation has passed")
)

// storeRetry is the pause before an operation goes on that the store or the
// disk kept from it.
const storeRetry = 2 * time.Second

// passing tells whether an error is the store's or the disk's, and says
// nothing of the operation: it goes on once somebody has seen to them.
func passing(err error) bool {
	var failed *storeError
	return errors.As(err, &failed) || diskfault.Is(err)
}

// running is an operation that this engine works on.
type running struct {
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when no step of it acts any more
}

// operation is one event being carried out.
type operation struct {
	e        *Engine
	event    hanok.Event // as it was taken; Epoch is this worker's
	log      *slog.Logger
	progress *progress
	unmended bool // an earlier operation left something that mend could not put in order
}

// handle carries an event out, from wherever it stands. It is the store's
// Work handler: a repeated delivery finds the event running or over.
func (e *Engine) handle(ctx context.Context, eventID int64) (retry time.Duration) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &running{cancel: cancel, done: make(chan struct{})}
	e.mu.Lock()
	if e.running[eventID] != nil {
		e.mu.Unlock()
		return 0
	}
	e.running[eventID] = r
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		delete(e.running, eventID)
		e.mu.Unlock()
		close(r.done)
	}()

	o, err := e.take(ctx, eventID)
	switch {
	case err != nil && ctx.Err() != nil:
		return 0
	case hanok.KindOf(err) == hanok.KindNotFound:
		return 0
	case err != nil:
		e.log.Error("cannot take up an operation", "event", eventID, "error", err)
		return storeRetry
	case o == nil:
		return 0 // it is over
	}
	return o.carryOut(ctx)
}

// take makes this engine the event's worker by raising its epoch; nil when
// the event is over.
func (e *Engine) take(ctx context.Context, eventID int64) (*operation, error) {
	var event hanok.Event
	err := e.cfg.Store.Update(ctx, func(tx store.Tx) (err error) {
		if event, err = tx.EventByID(eventID); err != nil {
			return err
		}
		if event.State != hanok.EventInProgress {
			return nil
		}
		event.Epoch++
		return tx.UpdateEvent(event)
	})
	if err != nil || event.State != hanok.EventInProgress {
		return nil, err
	}
	log := e.log.With("operation", event.Type, "event", event.UUID, "cluster", event.ClusterUUID, "name", event.ClusterName)
	if event.Epoch > 1 {
		e.metrics.taken.Inc()
		log.Info("operation taken up again", "epoch", event.Epoch, "was_at", event.Step)
	}
	return &operation{e: e, event: event, log: log, progress: newProgress(stepsOf(event))}, nil
}

// carryOut runs the steps and ends the event.
func (o *operation) carryOut(ctx context.Context) (retry time.Duration) {
	gauge := o.e.metrics.running.WithLabelValues(string(o.event.Type))
	gauge.Inc()
	defer gauge.Dec()

	limit, cancel := context.WithTimeoutCause(ctx, timeLeft(o.event, o.e.now()), errDeadline)
	err := o.telling(limit, o.work)
	cancel()
	switch {
	case err == nil:
		o.ended(hanok.EventSuccess, "")
		return 0
	case errors.Is(err, errFenced), errors.Is(err, errSuperseded):
		o.log.Info("operation stopped", "reason", err)
		return 0
	case ctx.Err() != nil:
		o.log.Info("operation left for the next start", "at", o.at())
		return 0
	}
	if passing(err) {
		o.log.Error("the operation cannot go on for now; it will be tried again", "error", err)
		return storeRetry
	}
	reason := o.reason(err)
	o.progress.fail(reason)
	if err := o.telling(ctx, o.retreat); err != nil {
		switch {
		case ctx.Err() != nil, errors.Is(err, errFenced):
			return 0
		case passing(err):
			o.log.Error("a failed operation cannot put everything back for now; it will be tried again", "error", err)
			return storeRetry
		}
		o.log.Warn("a failed operation could not put everything back", "error", err)
		reason += ". Besides: " + err.Error()
	}
	switch err := o.fail(ctx, reason); {
	case errors.Is(err, errFenced):
	case err != nil:
		o.log.Error("the operation's failure cannot be written", "error", err)
		return storeRetry
	default:
		o.ended(hanok.EventFail, reason)
		if o.event.Type == hanok.ClusterCreate {
			o.e.stopMachines(ctx, o.event.ClusterUUID)
		}
	}
	return 0
}

// timeLeft is how long an operation may still run. What is made of it is
// measured by a clock that nobody sets, and no jump of the host's clock before
// gives an operation more time than it had.
func timeLeft(event hanok.Event, now time.Time) time.Duration {
	return min(event.Deadline.Sub(now), event.Deadline.Sub(event.CreatedAt))
}

// work does what the operation is for.
func (o *operation) work(ctx context.Context) error {
	steps := stepsOf(o.event)
	if len(steps) == 0 {
		return fmt.Errorf("this version of hanok has no operation %s: start the version that began it", o.event.Type)
	}
	o.mend(ctx)
	return o.execute(ctx, steps)
}

// telling runs a part of the operation, and beside it a writer of its
// progress: no step waits for the disk to tell how far it is.
func (o *operation) telling(ctx context.Context, part func(ctx context.Context) error) error {
	telling, stop := context.WithCancel(ctx)
	told := make(chan struct{})
	go func() {
		defer close(told)
		o.tell(telling)
	}()
	err := part(ctx)
	stop()
	<-told
	return err
}

// tellPause bounds how often progress is written.
const tellPause = 50 * time.Millisecond

func (o *operation) tell(ctx context.Context) {
	var written string
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.progress.changed:
		}
		step, contents := o.progress.now()
		if contents == "" || contents == written {
			continue
		}
		err := o.update(ctx, func(_ store.Tx, event *hanok.Event) error {
			event.Step, event.Contents = step, contents
			return nil
		})
		if err != nil {
			if ctx.Err() == nil {
				o.log.Debug("progress not written", "error", err)
			}
			continue
		}
		written = contents
		select {
		case <-ctx.Done():
		case <-time.After(tellPause):
		}
	}
}
