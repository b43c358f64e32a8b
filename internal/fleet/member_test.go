package fleet

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/machine"
)

func TestReports(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	f := newFleet(t, Config{Store: s})
	if _, _, ok := f.Report(testNode); ok {
		t.Error("a report before there is one")
	}
	synctest.Test(t, func(t *testing.T) {
		f := &Fleet{machines: make(map[string]*member)}
		applied := func(r machine.Report) bool { return r.Applied }
		done := make(chan error, 1)
		go func() { done <- f.Wait(t.Context(), testNode, applied) }()
		synctest.Wait()
		f.Record(testNode, machine.Report{StateVersion: "1"})
		f.Record(otherNode, machine.Report{Applied: true})
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("waited for another report: %v", err)
		default:
		}
		f.Record(testNode, machine.Report{StateVersion: "2", Applied: true})
		synctest.Wait()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if r, at, ok := f.Report(testNode); !ok || r.StateVersion != "2" || !at.Equal(time.Now()) {
			t.Errorf("%+v, %v, %v", r, at, ok)
		}
		if err := f.Wait(t.Context(), testNode, applied); err != nil {
			t.Errorf("the present report is enough: %v", err)
		}
		go func() { done <- f.Wait(t.Context(), testNode, func(machine.Report) bool { return false }) }()
		synctest.Wait()
		f.Forget(testNode)
		if err := <-done; err == nil || hanok.KindOf(err) != hanok.KindNotFound {
			t.Errorf("waiting for a forgotten machine ended with %v", err)
		}
		if _, _, ok := f.Report(testNode); ok {
			t.Error("a report of a forgotten machine")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.Wait(ctx, testNode, applied); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
