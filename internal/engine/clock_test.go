package engine

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/bundle"
	"github.com/hanok/hanok/internal/infra/fake"
)

func TestTimeLeft(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	event := hanok.Event{CreatedAt: begin, Deadline: begin.Add(time.Hour)}
	for now, want := range map[time.Duration]time.Duration{
		0:                time.Hour,
		20 * time.Minute: 40 * time.Minute,
		3 * time.Hour:    -2 * time.Hour,
		-3 * time.Hour:   time.Hour, // the clock was put back
	} {
		if got := timeLeft(event, begin.Add(now)); got != want {
			t.Errorf("%v after its beginning: %v left, want %v", now, got, want)
		}
	}
}

// bundlesThatLook lets a test see the context of a step.
type bundlesThatLook struct {
	*world
	look func(context.Context)
}

func (b bundlesThatLook) Verify(ctx context.Context, version string) (*bundle.Bundle, error) {
	b.look(ctx)
	return b.world.Verify(ctx, version)
}

// TestStepsKeepTheirPatience: a jump of the host's clock takes nothing from
// the time limits within a step. They are compared with the operation's,
// which therefore must not be one of the wall clock alone.
func TestStepsKeepTheirPatience(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	var looked atomic.Int32
	look := func(ctx context.Context) {
		if deadline, ok := ctx.Deadline(); ok {
			looked.Add(1)
			if !strings.Contains(deadline.String(), " m=") {
				t.Errorf("the deadline %v is the wall clock's", deadline)
			}
		}
	}
	e, _ := w.start(t, func(c *Config) { c.Bundles = bundlesThatLook{w, look} })
	c := create(t, e, plan("clock", 1))
	w.awaitStatus(t, c.UUID, hanok.CreateComplete)
	if looked.Load() == 0 {
		t.Error("no step was looked at")
	}
}

// TestClockJumps: the host's clock goes forward and back by hours while
// clusters are made, changed and deleted: nothing is given up for it.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	for name, jump := range map[string]time.Duration{"forward": 5 * time.Hour, "back": -5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fake.Options{Polls: 2})
			var offset atomic.Int64
			e, _ := w.start(t, func(c *Config) {
				c.AtBoundary = func(b Boundary) {
					if b.After && (b.Step == "reserve" || b.Step == "machines") {
						offset.Add(int64(jump))
					}
				}
			})
			e.now = func() time.Time { return time.Now().UTC().Add(time.Duration(offset.Load())) }
			c := create(t, e, plan("jumps", 1))
			w.awaitStatus(t, c.UUID, hanok.CreateComplete)
			if _, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: 3}); err != nil {
				t.Fatal(err)
			}
			w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
			w.wantSet(t, 1, 3)
			if now := w.awaitStatus(t, c.UUID, hanok.UpdateComplete); now.HealthStatus != hanok.Healthy {
				t.Errorf("health %s %v", now.HealthStatus, now.HealthReason)
			}
			remove(t, e, c.UUID)
			w.awaitGone(t, c.UUID)
			w.wantEmpty(t)
		})
	}
}
