package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/hanok/hanok"
)

// patience is how a call that fails is repeated.
type patience struct {
	first, longest time.Duration // pauses grow from first to longest
	attempts       int           // 0: until the context ends
}

// driverPatience is for the calls of a create: a reply that is lost or a
// cloud that hiccups is nothing, a cloud that keeps refusing is the end.
var driverPatience = patience{first: 50 * time.Millisecond, longest: 2 * time.Second, attempts: 10}

// deletePatience is for the calls of a delete, which has nothing better to do
// until its deadline.
var deletePatience = patience{first: 50 * time.Millisecond, longest: 5 * time.Second}

// hopeless tells whether the same call would give the same error again: the
// driver refuses it, or there is no room.
func hopeless(err error) bool {
	switch hanok.KindOf(err) {
	case hanok.KindInvalid, hanok.KindForbidden, hanok.KindNotImplemented, hanok.KindUnavailable:
		return true
	}
	return false
}

// retry calls fn until it succeeds, is hopeless or has used its attempts.
// With endless patience nothing is hopeless: room comes and goes.
func (p patience) retry(ctx context.Context, say func(string), fn func(ctx context.Context) error) error {
	pause := p.first
	for n := 1; ; n++ {
		err := fn(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case p.attempts > 0 && hopeless(err):
			return err
		case p.attempts > 0 && n == p.attempts:
			return fmt.Errorf("%w (%d attempts)", err, n)
		}
		if n > 2 {
			say(fmt.Sprintf("%v; trying again", err))
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, p.longest)
	}
}

// sleep waits; an ended context gives its cause.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
