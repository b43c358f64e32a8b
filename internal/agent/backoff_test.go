package agent

import (
	"context"
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var b backoff
	began := time.Now()
	if !b.wait(ctx) || time.Since(began) > 10*minPause {
		t.Errorf("the first pause took %v", time.Since(began))
	}
	for range 20 {
		b.next *= 2
		if b.next > 4*maxPause {
			break
		}
	}
	cancel()
	if b.wait(ctx) {
		t.Error("a pause of an ended context was waited for")
	}
	if b.next > 2*maxPause {
		t.Errorf("the next pause is %v", b.next)
	}
}
