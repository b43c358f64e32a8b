package engine

import (
	"context"
	"time"

	"github.com/hanok/hanok/internal/store"
)

const (
	// maxOldEvents bounds the events of deleted clusters, however young.
	maxOldEvents = 10_000
	// oldEventsInterval is the time between two removals.
	oldEventsInterval = time.Hour
	// oldEventsAtOnce bounds a removal's transaction: operations wait for it.
	oldEventsAtOnce = 500
)

// forgetEvents removes the events of deleted clusters that are too old or too
// many, until ctx ends: where clusters come and go all day, they would fill
// the disk.
func (e *Engine) forgetEvents(ctx context.Context) {
	for {
		switch n, err := e.removeOldEvents(ctx); {
		case err != nil && ctx.Err() == nil:
			e.log.Warn("cannot remove old events", "error", err)
		case n > 0:
			e.log.Info("removed old events of deleted clusters", "events", n)
		}
		if err := sleep(ctx, oldEventsInterval); err != nil {
			return
		}
	}
}

func (e *Engine) removeOldEvents(ctx context.Context) (removed int, err error) {
	before := e.now().Add(-e.cfg.Settings.EventRetention)
	for {
		var n int
		err := e.cfg.Store.Update(ctx, func(tx store.Tx) (err error) {
			n, err = tx.DeleteOldEvents(before, maxOldEvents, oldEventsAtOnce)
			return err
		})
		if removed += n; err != nil || n < oldEventsAtOnce {
			return removed, err
		}
	}
}
