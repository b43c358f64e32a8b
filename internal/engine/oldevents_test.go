package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/store"
)

// TestOldEvents: a deleted cluster's events are there until their time is
// over, or too many came after them; a cluster that lives keeps its own.
func TestOldEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, stop := w.start(t, nil)
	gone, live := create(t, e, plan("gone", 1)), create(t, e, plan("live", 1))
	w.awaitStatus(t, gone.UUID, hanok.CreateComplete)
	w.awaitStatus(t, live.UUID, hanok.CreateComplete)
	remove(t, e, gone.UUID)
	w.awaitGone(t, gone.UUID)
	stop()
	now := time.Now()
	e.now = func() time.Time { return now }
	after := func(wait time.Duration, wantGone, wantLive int) {
		t.Helper()
		now = now.Add(wait)
		if _, err := e.removeOldEvents(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := len(w.events(t, gone.UUID)); got != wantGone {
			t.Errorf("after %v: %d events of a deleted cluster, want %d", wait, got, wantGone)
		}
		if got := len(w.events(t, live.UUID)); got != wantLive {
			t.Errorf("after %v: %d events of a cluster, want %d", wait, got, wantLive)
		}
	}
	after(29*24*time.Hour, 2, 1)
	after(2*24*time.Hour, 0, 1)

	// Clusters that come and go all day.
	err := w.store.Update(t.Context(), func(tx store.Tx) error {
		for i := range maxOldEvents + 2*oldEventsAtOnce + 1 {
			if _, err := tx.InsertEvent(hanok.Event{UUID: fmt.Sprint(i), ClusterUUID: "many", State: hanok.EventSuccess, UpdatedAt: now}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	after(0, 0, 1)
	if got := len(w.events(t, "many")); got != maxOldEvents {
		t.Errorf("%d events of deleted clusters are kept, want %d", got, maxOldEvents)
	}
}
