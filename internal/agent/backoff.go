package agent

import (
	"context"
	"math/rand/v2"
	"time"
)

// How long the agent waits before it asks the service again. The longest
// pause bounds how late a service that came back hears of its machines.
const (
	minPause = 50 * time.Millisecond
	maxPause = time.Second
)

// backoff is a growing pause, shortened at random so that many machines do
// not come at once. The zero value is ready for use.
type backoff struct {
	next time.Duration
}

// wait pauses; false when ctx ended meanwhile.
func (b *backoff) wait(ctx context.Context) bool {
	b.next = min(max(b.next, minPause), maxPause)
	pause := b.next/2 + rand.N(b.next/2)
	b.next *= 2
	return sleep(ctx, pause)
}

func (b *backoff) reset() { b.next = 0 }

// sleep pauses; false when ctx ended meanwhile.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
