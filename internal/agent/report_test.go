package agent

import (
	"testing"
	"time"
)

func TestAllowance(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := allowance{last: now, left: reportBurst}
	for i := range reportBurst {
		if wait := b.take(now); wait != 0 {
			t.Fatalf("use %d of the burst waits %v", i, wait)
		}
	}
	sent := 0
	for end := now.Add(10 * time.Second); now.Before(end); sent++ {
		now = now.Add(b.take(now))
	}
	if sent < 10*reportRate-5 || sent > 10*reportRate+5 {
		t.Errorf("%d in ten seconds, want about %d", sent, 10*reportRate)
	}
	if wait := b.take(now.Add(time.Minute)); wait != 0 {
		t.Errorf("after a quiet minute it waits %v", wait)
	}
}
