package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

func testUpdateRollsBack(t *testing.T, s store.Store) {
	mine := errors.New("mine")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if err := tx.PutCluster(cluster("c1", "n", "p1")); err != nil {
			return err
		}
		if _, err := tx.Cluster("c1"); err != nil {
			t.Errorf("a transaction does not see its own write: %v", err)
		}
		return mine
	})
	if err != mine {
		t.Errorf("Update returns %v, want the error of the function as it is", err)
	}
	view(t, s, func(tx store.Tx) error {
		_, err := tx.Cluster("c1")
		wantKind(t, "what a failed Update wrote", err, hanok.KindNotFound)
		return nil
	})
}

func testUpdateRollsBackOnPanic(t *testing.T, s store.Store) {
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a panic does not come through Update")
			}
		}()
		s.Update(t.Context(), func(tx store.Tx) error {
			if err := tx.PutCluster(cluster("c1", "n", "p1")); err != nil {
				t.Error(err)
			}
			panic("on purpose")
		})
	}()
	update(t, s, func(tx store.Tx) error { // the writer is free again
		_, err := tx.Cluster("c1")
		wantKind(t, "what a panicked Update wrote", err, hanok.KindNotFound)
		return nil
	})
}

func testViewRefusesWrites(t *testing.T, s store.Store) {
	var e hanok.Event
	update(t, s, func(tx store.Tx) (err error) {
		e, err = tx.InsertEvent(event("e1", "c1"))
		return err
	})
	view(t, s, func(tx store.Tx) error {
		for what, write := range map[string]func() error{
			"PutCluster":  func() error { return tx.PutCluster(cluster("c1", "n", "p1")) },
			"PutSecret":   func() error { return tx.PutSecret("", "n", []byte("x")) },
			"UpdateEvent": func() error { return tx.UpdateEvent(e) },
			"Enqueue":     func() error { return tx.Enqueue(e.ID) },
		} {
			if write() == nil {
				t.Errorf("%s is possible in a View", what)
			}
		}
		return nil
	})
}

func testViewIsOneSnapshot(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error { return tx.PutCluster(cluster("c1", "n", "p1")) })
	view(t, s, func(before store.Tx) error {
		if _, err := before.Clusters(""); err != nil {
			return err
		}
		// A writer is not held up by a reader, and the reader does not see it.
		update(t, s, func(tx store.Tx) error { return tx.PutCluster(cluster("c2", "n", "p1")) })
		view(t, s, func(after store.Tx) error {
			all, err := after.Clusters("")
			equal(t, "clusters in a new View", len(all), 2)
			return err
		})
		all, err := before.Clusters("")
		equal(t, "clusters in the older View", len(all), 1)
		return err
	})
}

func testUpdatesTakeTurns(t *testing.T, s store.Store) {
	const writers, each = 8, 10
	update(t, s, func(tx store.Tx) error { return tx.PutSecret("", "n", []byte("0")) })
	errs := make(chan error, writers)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				err := s.Update(t.Context(), func(tx store.Tx) error {
					b, err := tx.Secret("", "n")
					if err != nil {
						return err
					}
					var n int
					if _, err := fmt.Sscan(string(b), &n); err != nil {
						return err
					}
					return tx.PutSecret("", "n", fmt.Append(nil, n+1))
				})
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	view(t, s, func(tx store.Tx) error {
		b, err := tx.Secret("", "n")
		equal(t, "counter", string(b), fmt.Sprint(writers*each))
		return err
	})
}

func testCancelledUpdate(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Update(ctx, func(tx store.Tx) error {
		err := tx.PutCluster(cluster("c1", "n", "p1"))
		cancel()
		return err
	})
	if err == nil {
		t.Error("an Update whose context ended reports success")
	}
	if err := s.Update(ctx, func(store.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("an Update with an ended context gives %v, want context.Canceled", err)
	}
	view(t, s, func(tx store.Tx) error {
		_, err := tx.Cluster("c1")
		wantKind(t, "what a cancelled Update wrote", err, hanok.KindNotFound)
		return nil
	})
}

func testCloseTwice(t *testing.T, s store.Store) {
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Update(t.Context(), func(store.Tx) error { return nil }); err == nil {
		t.Error("a closed store takes an Update")
	}
}

// testCancelledMidway: transactions whose context ends in their midst, again
// and again, hold nothing up. (A store that interrupts statements can leave a
// lock behind, with nobody to release it.)
func testCancelledMidway(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.PutCluster(cluster("c1", "n", "p1")), tx.PutSecret("", "n", []byte("0")))
	})
	for n := range 200 {
		ctx, cancel := context.WithTimeout(deadline(t), 500*time.Microsecond+time.Duration(n)*7*time.Microsecond)
		err := s.Update(ctx, func(tx store.Tx) error {
			for {
				if err := tx.PutSecret("", "n", fmt.Append(nil, n)); err != nil {
					return err
				}
				for range 5 {
					if _, err := tx.Clusters(""); err != nil {
						return err
					}
				}
			}
		})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Update %d, whose context ended: %v, want context.DeadlineExceeded", n, err)
		}
	}
	started := time.Now()
	err := s.Update(deadline(t), func(tx store.Tx) error {
		b, err := tx.Secret("", "n")
		equal(t, "what cancelled Updates wrote", string(b), "0")
		return err
	})
	if err != nil || time.Since(started) > 5*time.Second {
		t.Errorf("an Update after many that were cancelled took %v: %v", time.Since(started), err)
	}
}
