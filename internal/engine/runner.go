package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hanok/hanok"
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

// storeRetry is the pause before an operation goes on whose progress could
// not be written.
const storeRetry = 2 * time.Second

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
	return &operation{e: e, event: event, log: log, progress: newProgress(stepsOf(event.Type))}, nil
}

// carryOut runs the steps and ends the event.
func (o *operation) carryOut(ctx context.Context) (retry time.Duration) {
	gauge := o.e.metrics.running.WithLabelValues(string(o.event.Type))
	gauge.Inc()
	defer gauge.Dec()

	work, cancel := context.WithDeadlineCause(ctx, o.event.Deadline, errDeadline)
	err := o.executeAndTell(work)
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
	var failed *storeError
	if errors.As(err, &failed) {
		o.log.Error("the operation's progress cannot be written; it will go on", "error", err)
		return storeRetry
	}
	reason := o.reason(err)
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

// executeAndTell runs the steps, and beside them a writer of their progress:
// no step waits for the disk to tell how far it is.
func (o *operation) executeAndTell(ctx context.Context) error {
	steps := stepsOf(o.event.Type)
	if len(steps) == 0 {
		return fmt.Errorf("this version of hanok has no operation %s: start the version that began it", o.event.Type)
	}
	telling, stop := context.WithCancel(ctx)
	told := make(chan struct{})
	go func() {
		defer close(told)
		o.tell(telling)
	}()
	err := o.execute(ctx, steps)
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

// storeError is a failure of the store itself: the operation goes on later.
type storeError struct{ err error }

func (e *storeError) Error() string { return "the store failed: " + e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// update writes as this operation: all of it in one transaction with its
// event, or errFenced when the event is not this worker's any more.
func (o *operation) update(ctx context.Context, fn func(tx store.Tx, event *hanok.Event) error) error {
	var mine error // fn's own error, which is no failure of the store
	err := o.e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		mine = nil
		event, err := tx.EventByID(o.event.ID)
		if err != nil {
			return err
		}
		if event.Epoch != o.event.Epoch || event.State != hanok.EventInProgress {
			mine = errFenced
			return mine
		}
		if err := fn(tx, &event); err != nil {
			mine = err
			return err
		}
		event.UpdatedAt = o.e.now()
		return tx.UpdateEvent(event)
	})
	switch {
	case err == nil, mine != nil && errors.Is(err, mine):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return &storeError{err}
}

// view reads as this operation.
func (o *operation) view(ctx context.Context, fn func(tx store.Tx) error) error {
	err := o.e.cfg.Store.View(ctx, fn)
	if err != nil && ctx.Err() == nil && hanok.KindOf(err) == hanok.KindInternal {
		return &storeError{err}
	}
	return err
}

// reason says why the operation failed and what to do next.
func (o *operation) reason(err error) string {
	reason := err.Error()
	if errors.Is(err, errDeadline) {
		limit := o.event.Deadline.Sub(o.event.CreatedAt).Round(time.Second)
		reason = fmt.Sprintf("not done after %v; it was at %s", limit, o.at())
	}
	switch o.event.Type {
	case hanok.ClusterCreate:
		return reason + ". Delete the cluster, and create it again once the cause is gone"
	case hanok.ClusterDelete:
		return reason + ". Delete the cluster again once the cause is gone"
	}
	return reason
}

func (o *operation) at() string {
	_, contents := o.progress.now()
	return contents
}

// fail ends the event and sets the failed statuses.
func (o *operation) fail(ctx context.Context, reason string) error {
	status := hanok.CreateFailed
	if o.event.Type == hanok.ClusterDelete {
		status = hanok.DeleteFailed
	}
	return o.update(ctx, func(tx store.Tx, event *hanok.Event) error {
		event.State, event.Contents = hanok.EventFail, reason
		return setStatus(tx, o.event.ClusterUUID, status, reason, o.e.now())
	})
}

// setStatus sets the status of a cluster and of all its groups.
func setStatus(tx store.Tx, clusterUUID string, status hanok.Status, reason string, now time.Time) error {
	c, err := tx.Cluster(clusterUUID)
	if err != nil {
		return err
	}
	c.Status, c.StatusReason, c.UpdatedAt = status, reason, now
	if err := tx.PutCluster(c); err != nil {
		return err
	}
	groups, err := tx.NodeGroups(clusterUUID)
	if err != nil {
		return err
	}
	for _, g := range groups {
		g.Status, g.StatusReason, g.UpdatedAt = status, reason, now
		if _, err := tx.PutNodeGroup(g); err != nil {
			return err
		}
	}
	return nil
}

func (o *operation) ended(state hanok.EventState, reason string) {
	took := o.e.now().Sub(o.event.CreatedAt)
	o.e.metrics.end(o.event.Type, state, took)
	if state == hanok.EventFail {
		o.log.Error("operation failed", "took", took, "reason", reason)
		return
	}
	o.log.Info("operation done", "took", took)
}
