package agent

import (
	"context"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

// reportPause lies between two reports: what changes meanwhile goes into one.
const reportPause = 50 * time.Millisecond

// report tells the service what is, at once when it changes and now and then.
func (a *agent) report(ctx context.Context) {
	a.status.touch()
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	var pause backoff
	for {
		select {
		case <-a.status.changed:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		r := a.status.report(a.supervisor.report())
		err := a.service.post(ctx, machine.PathReport, r, nil)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.log.Warn("the service did not take the report", "err", err)
			a.status.touch()
			pause.wait(ctx)
		default:
			pause.reset()
			sleep(ctx, reportPause)
		}
	}
}
