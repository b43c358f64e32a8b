package machines

import (
	"testing"
	"time"

	"github.com/hanok/hanok/internal/infra"
)

// deaf misses the first request to stop, as a PID 1 does whose program began
// in the moment in which the signal came.
var deaf = []string{"/bin/bash", "-c", "trap 'trap \"exit 0\" TERM' TERM; while :; do sleep 600 & wait $!; done"}

// TestAskedToStopAgain: a request to stop that gets lost costs a moment, not
// the whole grace period.
func TestAskedToStopAgain(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Init, c.StopGrace = deaf, 20*time.Second })
	v := b.active()
	begin := time.Now()
	if err := b.m.Stop(v.ID); err != nil {
		t.Fatal(err)
	}
	b.await(v.ID, infra.MachineShutoff)
	if took := time.Since(begin); took > b.cfg.StopGrace/2 {
		t.Errorf("the machine was stopped after %v: it was asked only once", took)
	}
}
