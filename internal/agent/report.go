package agent

import (
	"context"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

// Reports are at most reportRate a second in the long run; what changes
// meanwhile goes into one. A few may follow each other at once, since the
// service waits for news while a cluster is made.
const (
	reportRate   = 20
	reportBurst  = 10
	reportGather = 2 * time.Millisecond // changes that come together
)

// report tells the service what is, at once when it changes and now and then.
func (a *agent) report(ctx context.Context) {
	a.status.touch()
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	var pause backoff
	allowance := allowance{last: time.Now(), left: reportBurst}
	for {
		select {
		case <-a.status.changed:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		sleep(ctx, max(allowance.take(time.Now()), reportGather))
		select {
		case <-a.status.changed: // goes into this report
		default:
		}
		r := a.status.report(a.supervisor.report())
		err := a.service.post(ctx, machine.PathReport, r, nil)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.log.Debug("the service did not take the report", "err", err)
			a.status.touch()
			pause.wait(ctx)
		default:
			pause.reset()
		}
	}
}

// allowance bounds how often something happens: reportBurst at once,
// reportRate a second in the long run.
type allowance struct {
	last time.Time
	left float64
}

// take uses the allowance once and gives how long to wait before.
func (b *allowance) take(now time.Time) time.Duration {
	b.left = min(b.left+now.Sub(b.last).Seconds()*reportRate, reportBurst) - 1
	b.last = now
	return time.Duration(max(-b.left, 0) / reportRate * float64(time.Second))
}
