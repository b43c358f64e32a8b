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

// stubborn never ends when asked.
var stubborn = []string{"/bin/bash", "-c", "trap '' TERM; trap 'true' HUP; while :; do sleep 600 & wait $!; done"}

// TestDeletedWhileStopping: the deletion of a machine does not wait for a stop
// under way to run out of patience.
func TestDeletedWhileStopping(t *testing.T) {
	for name, init := range map[string][]string{
		"deaf":     stubborn,
		"listener": {"/bin/bash", "-c", "trap true TERM; while :; do sleep 600 & wait $!; done"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(c *Config) { c.Init, c.StopGrace = init, 30*time.Second })
			v := b.active()
			if err := b.m.Stop(v.ID); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
				b.m.mu.Lock()
				waits := b.m.entries[v.ID].hurry != nil
				b.m.mu.Unlock()
				if waits {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the stop never waited")
				}
			}
			begin := time.Now()
			if err := b.m.Delete(v.ID); err != nil {
				t.Fatal(err)
			}
			b.await(v.ID, infra.MachineDeleted)
			if took := time.Since(begin); took > b.cfg.StopGrace/2 {
				t.Errorf("the deletion took %v: it waited for the stop", took)
			}
			b.nothingLeft(v.ID)
		})
	}
}
