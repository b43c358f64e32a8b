// Package storetest is the conformance suite of the store contract. A store
// passes it or is none.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

// Run runs the whole suite. open gives an empty store that is closed when the
// test ends; reopen, where it is not nil, gives the same data as the store
// given to it after a death of its process: without a Close of the old one.
func Run(t *testing.T, open func(t *testing.T) store.Store, reopen func(t *testing.T, died store.Store) store.Store) {
	tests := []struct {
		name string
		test func(t *testing.T, s store.Store)
	}{
		{"Clusters", testClusters},
		{"ClusterIsReplaced", testClusterIsReplaced},
		{"DeleteCluster", testDeleteCluster},
		{"NodeGroups", testNodeGroups},
		{"Nodes", testNodes},
		{"Events", testEvents},
		{"OldEvents", testOldEvents},
		{"EventFence", testEventFence},
		{"Secrets", testSecrets},
		{"Documents", testDocuments},
		{"Tokens", testTokens},
		{"NotFound", testNotFound},
		{"UpdateRollsBack", testUpdateRollsBack},
		{"UpdateRollsBackOnPanic", testUpdateRollsBackOnPanic},
		{"ViewRefusesWrites", testViewRefusesWrites},
		{"ViewIsOneSnapshot", testViewIsOneSnapshot},
		{"UpdatesTakeTurns", testUpdatesTakeTurns},
		{"CancelledUpdate", testCancelledUpdate},
		{"CancelledMidway", testCancelledMidway},
		{"CloseTwice", testCloseTwice},
		{"WorkDelivers", testWorkDelivers},
		{"WorkDeliversAtOnce", testWorkDeliversAtOnce},
		{"WorkForgetsRolledBack", testWorkForgetsRolledBack},
		{"WorkRetries", testWorkRetries},
		{"WorkWakesAgainWhileBusy", testWorkWakesAgainWhileBusy},
		{"WorkBoundsWorkers", testWorkBoundsWorkers},
		{"WorkWaitsForHandlers", testWorkWaitsForHandlers},
		{"WorkBeginsWithUnfinished", testWorkBeginsWithUnfinished},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.test(t, open(t))
		})
	}
	if reopen == nil {
		return
	}
	t.Run("SurvivesDeath", func(t *testing.T) {
		t.Parallel()
		testSurvivesDeath(t, open(t), reopen)
	})
}

// patience bounds every wait of the suite; nothing waits that long unless it
// is broken.
const patience = 20 * time.Second

// at gives distinct times, in microseconds, as far as a store keeps them.
func at(n int) time.Time {
	return time.Date(2026, 3, 1, 12, 0, n, 123456000, time.UTC)
}

func update(t *testing.T, s store.Store, fn func(tx store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

func view(t *testing.T, s store.Store, fn func(tx store.Tx) error) {
	t.Helper()
	if err := s.View(t.Context(), fn); err != nil {
		t.Fatalf("View: %v", err)
	}
}

func wantKind(t *testing.T, what string, err error, want hanok.Kind) {
	t.Helper()
	if err == nil || hanok.KindOf(err) != want {
		t.Errorf("%s: error %v of kind %d, want kind %d", what, err, hanok.KindOf(err), want)
	}
}

// deadline gives a context that ends a broken test.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
