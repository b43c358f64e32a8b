package sqlite

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

// The queue has no table of its own: an event in progress is a job. What is
// kept in memory is only which of them to look at now; a start looks at all
// of them, so nothing is lost with the memory. (River was measured against
// this on SQLite, where it can only poll: see ARCHITECTURE.md.)

// wakes are the events to be handled now, in the order they were woken in.
type wakes struct {
	mu     sync.Mutex
	queue  []int64
	queued map[int64]bool
	signal chan struct{} // holds one token while queue may not be empty
}

func newWakes() *wakes {
	return &wakes{queued: map[int64]bool{}, signal: make(chan struct{}, 1)}
}

func (w *wakes) wake(ids ...int64) {
	if len(ids) == 0 {
		return
	}
	w.mu.Lock()
	for _, id := range ids {
		if !w.queued[id] {
			w.queued[id] = true
			w.queue = append(w.queue, id)
		}
	}
	w.mu.Unlock()
	w.ring()
}

func (w *wakes) ring() {
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

func (w *wakes) next() (int64, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		return 0, false
	}
	id := w.queue[0]
	w.queue = w.queue[1:]
	delete(w.queued, id)
	if len(w.queue) > 0 {
		w.ring() // for another Work on this store
	}
	return id, true
}

// Work handles events until ctx ends. It begins with every event in progress.
func (s *Store) Work(ctx context.Context, workers int, handle func(ctx context.Context, eventID int64) time.Duration) error {
	if err := s.wakeUnfinished(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	d := &dispatch{ctx: ctx, wakes: s.wakes, handle: handle, busy: map[int64]bool{}}
	defer d.wg.Wait()
	slots := make(chan struct{}, max(1, workers))
	for {
		select {
		case <-ctx.Done():
			return nil
		case slots <- struct{}{}:
		}
		id, ok := d.take()
		if !ok { // ctx ended
			return nil
		}
		d.wg.Go(func() {
			defer func() { <-slots }()
			d.run(id)
		})
	}
}

func (s *Store) wakeUnfinished(ctx context.Context) error {
	var unfinished []hanok.Event
	err := s.View(ctx, func(tx store.Tx) (err error) {
		unfinished, err = tx.UnfinishedEvents("")
		return err
	})
	if err != nil {
		return fmt.Errorf("look for unfinished operations: %w", err)
	}
	ids := make([]int64, len(unfinished))
	for i, e := range unfinished {
		ids[i] = e.ID
	}
	s.wakes.wake(ids...)
	return nil
}

// dispatch is one call of Work. It hands no event to two of its own workers
// at once: a wake for a busy event is kept until that event's handler returns.
type dispatch struct {
	ctx    context.Context
	wakes  *wakes
	handle func(ctx context.Context, eventID int64) time.Duration
	wg     sync.WaitGroup

	mu   sync.Mutex
	busy map[int64]bool // true: woken again while busy
}

// take waits for an event that is not busy, and marks it busy.
func (d *dispatch) take() (int64, bool) {
	for {
		id, ok := d.wakes.next()
		if ok && d.begin(id) {
			return id, true
		}
		if ok {
			continue
		}
		select {
		case <-d.ctx.Done():
			return 0, false
		case <-d.wakes.signal:
		}
	}
}

func (d *dispatch) begin(id int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, busy := d.busy[id]; busy {
		d.busy[id] = true
		return false
	}
	d.busy[id] = false
	return true
}

func (d *dispatch) run(id int64) {
	retry := d.handle(d.ctx, id)
	d.mu.Lock()
	again := d.busy[id]
	delete(d.busy, id)
	d.mu.Unlock()
	switch {
	case again:
		d.wakes.wake(id)
	case retry > 0:
		time.AfterFunc(retry, func() { d.wakes.wake(id) })
	}
}
