package e2e

import (
	"strings"
	"testing"

	"github.com/hanok/hanok/test/harness"
)

// A service and a test that were killed leave everything behind; the sweep
// for orphans finds it by name and removes it, and touches nobody else's.
func TestSweepAfterTheTestWasKilled(t *testing.T) {
	t.Parallel()
	neighbour := startService(t)
	left := startService(t)
	left.create(t, left.request("left"))
	left.Kill(t)
	if len(harness.Traces(left.Installation(), left.Dir)) == 0 {
		t.Fatal("a killed service left no trace to sweep")
	}
	id := left.Installation()
	left.Hanok(t, "sweep", "--installation", id)
	if found := harness.Traces(id, left.Dir); len(found) > 0 {
		t.Errorf("the sweep left\n%s", strings.Join(found, "\n"))
	}
	// The neighbour works on.
	c := neighbour.create(t, neighbour.request("neighbour"))
	neighbour.delete(t, c.uuid)
}
