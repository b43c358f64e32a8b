package storetest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

// handler is the function that Work calls.
type handler = func(ctx context.Context, eventID int64) time.Duration

// startWork runs Work in the background. stop ends it and waits for it.
func startWork(t *testing.T, s store.Store, workers int, handle handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Work(ctx, workers, handle) }()
	var stopped atomic.Bool
	stop = func() {
		if stopped.Swap(true) {
			return
		}
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Work: %v", err)
			}
		case <-time.After(patience):
			t.Error("Work does not end with its context")
		}
	}
	t.Cleanup(stop)
	return stop
}

// deliver passes event ids on and asks for no retry.
func deliver(to chan<- int64) handler {
	return func(_ context.Context, id int64) time.Duration {
		to <- id
		return 0
	}
}

func receive(t *testing.T, what string, from <-chan int64) int64 {
	t.Helper()
	select {
	case id := <-from:
		return id
	case <-time.After(patience):
		t.Fatalf("%s: nothing was delivered", what)
		return 0
	}
}

// enqueue makes an event and its job in one transaction.
func enqueue(t *testing.T, s store.Store, uuid string) int64 {
	t.Helper()
	var id int64
	update(t, s, func(tx store.Tx) error {
		e, err := tx.InsertEvent(event(uuid, "c1"))
		if err != nil {
			return err
		}
		id = e.ID
		return tx.Enqueue(id)
	})
	return id
}

func finish(s store.Store, id int64) error {
	return s.Update(context.Background(), func(tx store.Tx) error {
		e, err := tx.EventByID(id)
		if err != nil {
			return err
		}
		e.State = hanok.EventSuccess
		return tx.UpdateEvent(e)
	})
}

func testWorkDelivers(t *testing.T, s store.Store) {
	got := make(chan int64, 16)
	startWork(t, s, 4, deliver(got))
	want := map[int64]bool{}
	for _, uuid := range []string{"e1", "e2", "e3"} {
		want[enqueue(t, s, uuid)] = true
	}
	for len(want) > 0 {
		delete(want, receive(t, "three events", got))
	}
}

// testWorkDeliversAtOnce: a cluster must be up in seconds, so a worker starts
// within milliseconds of the commit.
func testWorkDeliversAtOnce(t *testing.T, s store.Store) {
	got := make(chan int64, 1)
	startWork(t, s, 4, deliver(got))
	receive(t, "a first event", func() <-chan int64 { enqueue(t, s, "e0"); return got }())
	best := time.Hour
	for _, uuid := range []string{"e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", "e10"} {
		enqueue(t, s, uuid)
		committed := time.Now()
		receive(t, "an event", got)
		best = min(best, time.Since(committed))
	}
	t.Logf("shortest time from commit to start: %v", best)
	if best > 100*time.Millisecond {
		t.Errorf("the quickest of ten deliveries took %v, want under 100 ms", best)
	}
}

func testWorkForgetsRolledBack(t *testing.T, s store.Store) {
	got := make(chan int64, 16)
	startWork(t, s, 1, deliver(got))
	mine := errors.New("mine")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		e, err := tx.InsertEvent(event("e1", "c1"))
		return errors.Join(err, tx.Enqueue(e.ID), mine)
	})
	if !errors.Is(err, mine) {
		t.Fatal(err)
	}
	id := enqueue(t, s, "e2") // may have the id that was rolled back
	equal(t, "the only delivery", receive(t, "the event after", got), id)
	select {
	case id := <-got:
		t.Errorf("event %d was delivered although nobody enqueued it", id)
	default:
	}
}

func testWorkRetries(t *testing.T, s store.Store) {
	calls := make(chan int64, 16)
	var n atomic.Int32
	startWork(t, s, 2, func(_ context.Context, id int64) time.Duration {
		calls <- id
		if n.Add(1) < 3 {
			return 10 * time.Millisecond
		}
		return 0
	})
	id := enqueue(t, s, "e1")
	for range 3 {
		equal(t, "retried event", receive(t, "a retry", calls), id)
	}
}

// testWorkWakesAgainWhileBusy: an Enqueue during a handler's run is not lost,
// and does not start a second handler beside it.
func testWorkWakesAgainWhileBusy(t *testing.T, s store.Store) {
	started, release := make(chan int64), make(chan struct{})
	var beside, most atomic.Int32
	startWork(t, s, 4, func(_ context.Context, id int64) time.Duration {
		most.Store(max(most.Load(), beside.Add(1)))
		defer beside.Add(-1)
		started <- id
		<-release
		return 0
	})
	id := enqueue(t, s, "e1")
	receive(t, "the first run", started)
	update(t, s, func(tx store.Tx) error { return tx.Enqueue(id) })
	release <- struct{}{}
	equal(t, "the second run", receive(t, "the second run", started), id)
	release <- struct{}{}
	equal(t, "handlers of one event at once", most.Load(), int32(1))
}

func testWorkBoundsWorkers(t *testing.T, s store.Store) {
	started, release := make(chan int64, 16), make(chan struct{})
	var now, most atomic.Int32
	startWork(t, s, 2, func(_ context.Context, id int64) time.Duration {
		most.Store(max(most.Load(), now.Add(1)))
		started <- id
		<-release
		now.Add(-1)
		return 0
	})
	for _, uuid := range []string{"e1", "e2", "e3", "e4"} {
		enqueue(t, s, uuid)
	}
	receive(t, "first", started)
	receive(t, "second", started)
	close(release)
	receive(t, "third", started)
	receive(t, "fourth", started)
	if most.Load() > 2 {
		t.Errorf("%d handlers at once, want at most 2", most.Load())
	}
}

func testWorkWaitsForHandlers(t *testing.T, s store.Store) {
	started := make(chan int64, 1)
	var ended atomic.Bool
	stop := startWork(t, s, 1, func(ctx context.Context, id int64) time.Duration {
		started <- id
		<-ctx.Done()
		ended.Store(true)
		return time.Nanosecond
	})
	enqueue(t, s, "e1")
	receive(t, "the event", started)
	stop()
	if !ended.Load() {
		t.Error("Work returned before its handler")
	}
}

// testWorkBeginsWithUnfinished: what an earlier Work left, whether it was
// enqueued or under way, is delivered when Work starts; what is over is not.
func testWorkBeginsWithUnfinished(t *testing.T, s store.Store) {
	started := make(chan int64, 1)
	stop := startWork(t, s, 1, func(ctx context.Context, id int64) time.Duration {
		started <- id
		<-ctx.Done()
		return 0
	})
	underway := enqueue(t, s, "e1")
	receive(t, "the event", started)
	stop()
	waiting, over := enqueue(t, s, "e2"), enqueue(t, s, "e3")
	if err := finish(s, over); err != nil {
		t.Fatal(err)
	}
	got := make(chan int64, 16)
	startWork(t, s, 4, deliver(got))
	want := map[int64]bool{underway: true, waiting: true}
	for len(want) > 0 {
		delete(want, receive(t, "what was left", got))
	}
}

// testSurvivesDeath: what was committed is there after a death, sealed
// secrets too, and unfinished events are delivered.
func testSurvivesDeath(t *testing.T, s store.Store, reopen func(t *testing.T, died store.Store) store.Store) {
	id := enqueue(t, s, "e1")
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.PutCluster(cluster("c1", "n", "p1")), tx.PutSecret("c1", "k", []byte("kept")))
	})
	s = reopen(t, s)
	view(t, s, func(tx store.Tx) error {
		c, err := tx.Cluster("c1")
		equal(t, "cluster", c, cluster("c1", "n", "p1"))
		secret, err2 := tx.Secret("c1", "k")
		equal(t, "secret", string(secret), "kept")
		return errors.Join(err, err2)
	})
	got := make(chan int64, 1)
	startWork(t, s, 1, deliver(got))
	equal(t, "the unfinished event", receive(t, "the unfinished event", got), id)
}
