package agent

import (
	"context"
	"time"
)

// poll asks the service for the desired state again and again. Each request
// hangs until the state changes, so a change arrives at once.
func (a *agent) poll(ctx context.Context) {
	version := ""
	if s, err := a.lastState(); err == nil {
		version = s.Version
	}
	var pause backoff
	renewTry := time.Now()
	for ctx.Err() == nil {
		if cert := a.service.cert.Load(); aged(cert.Leaf, time.Now()) && time.Now().After(renewTry) {
			renewTry = time.Now().Add(time.Minute)
			if err := a.identify(ctx); err != nil {
				a.log.Warn("the machine's certificate could not be renewed", "err", err)
			}
		}
		state, changed, err := a.service.state(ctx, version)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if pause.next == 0 { // once for each time that it is away
				a.log.Warn("no state from the service; going on with the last one", "err", err)
			}
			// It may have been restarted, and then knows nothing of us.
			a.status.touch()
			pause.wait(ctx)
			continue
		}
		if pause.next != 0 {
			a.log.Info("the service answers again")
		}
		pause.reset()
		if !changed {
			continue
		}
		a.log.Info("new state", "version", state.Version)
		a.status.mark("state")
		version = state.Version
		a.take(state)
	}
}
