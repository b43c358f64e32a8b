package embedded

import (
	"fmt"
	"testing"
	"time"
)

func TestFailuresDecay(t *testing.T) {
	t.Parallel()
	clock := newClock()
	f := newFailures(clock.now)
	for range f.burst {
		if wait, ok := f.allowed("a"); !ok {
			t.Fatalf("refused within the burst, for %s", wait)
		}
		f.failed("a")
	}
	wait, ok := f.allowed("a")
	if ok || wait != f.interval {
		t.Errorf("allowed = %s, %v, want a wait of %s", wait, ok, f.interval)
	}
	clock.add(wait - time.Millisecond)
	if _, ok := f.allowed("a"); ok {
		t.Error("allowed before the wait was over")
	}
	clock.add(time.Millisecond)
	if _, ok := f.allowed("a"); !ok {
		t.Error("refused after the wait")
	}
}

func TestFailuresAreBounded(t *testing.T) {
	t.Parallel()
	clock := newClock()
	f := newFailures(clock.now)
	f.max = 100
	for range f.burst {
		f.failed("victim")
	}
	for n := range f.max + 20 {
		clock.add(time.Millisecond)
		f.failed(fmt.Sprint(n))
		if n == 50 {
			f.failed("victim") // still trying, so it is not the oldest
		}
	}
	if len(f.counters) > f.max {
		t.Errorf("%d counters, the bound is %d", len(f.counters), f.max)
	}
	if _, ok := f.allowed("victim"); ok {
		t.Error("other users' failures made room for one who still tries")
	}
}
