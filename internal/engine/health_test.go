package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/fake"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	c := create(t, e, plan("prod", 2))
	w.awaitStatus(t, c.UUID, hanok.CreateComplete)
	await := func(what string, want hanok.HealthStatus, check func(hanok.Cluster) bool) {
		t.Helper()
		eventually(t, what, func() (bool, string) {
			c, _ := w.cluster(t, c.UUID)
			return c.HealthStatus == want && check(c), fmt.Sprintf("%s %v", c.HealthStatus, c.HealthReason)
		})
	}
	all := func(value string) func(hanok.Cluster) bool {
		return func(c hanok.Cluster) bool {
			n := 0
			for key, v := range c.HealthReason {
				if key != "api" && v == value {
					n++
				}
			}
			return n == 2
		}
	}
	await("all well", hanok.Healthy, all("True"))
	w.notReady.Store(true)
	await("nodes not Ready", hanok.Unhealthy, all("False"))
	w.notReady.Store(false)
	w.apiDown.Store(true)
	await("API down", hanok.Unhealthy, func(c hanok.Cluster) bool { return c.HealthReason["api"] == "connection refused" && all("Unknown")(c) })
	w.apiDown.Store(false)
	await("well again", hanok.Healthy, all("True"))

	before, _ := w.cluster(t, c.UUID)
	for _, m := range w.cloud.Inventory().Machines {
		if err := w.cloud.Kill(m.ID); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "machines started again", func() (bool, string) {
		for _, m := range w.cloud.Inventory().Machines {
			if m.Status != infra.MachineActive {
				return false, string(m.Status)
			}
		}
		return true, ""
	})
	await("well after machines died", hanok.Healthy, all("True"))

	// A machine that is broken, or gone, shows though Kubernetes still says Ready.
	machines := w.cloud.Inventory().Machines
	worker := machines[slices.IndexFunc(machines, func(m infra.Machine) bool { return m.Role == hanok.RoleWorker })]
	w.trust(worker.Name)
	if err := w.cloud.Break(worker.ID, "no power"); err != nil {
		t.Fatal(err)
	}
	await("a machine is broken", hanok.Unhealthy, func(c hanok.Cluster) bool { return c.HealthReason[worker.Name+".Ready"] == "False" })
	if err := w.cloud.Vanish(worker.ID); err != nil {
		t.Fatal(err)
	}
	await("a machine is gone", hanok.Unhealthy, func(c hanok.Cluster) bool { return c.HealthReason[worker.Name+".Ready"] == "False" })
	if after, _ := w.cluster(t, c.UUID); after.Status != hanok.CreateComplete || !after.UpdatedAt.Equal(before.UpdatedAt) {
		t.Errorf("health changed the cluster: %s, updated %v → %v", after.Status, before.UpdatedAt, after.UpdatedAt)
	}
}

// TestHealthSeenBeforeAnOperationEnded: what was seen of nodes while they came
// is not told of them once they are there.
func TestHealthSeenBeforeAnOperationEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, func(c *Config) { c.Settings.HealthInterval = time.Hour })
	before := completed(t, w, e, 1)
	if _, err := e.Resize(t.Context(), before.UUID, &admission.ResizePlan{NodeCount: 2}); err != nil {
		t.Fatal(err)
	}
	after := w.awaitStatus(t, before.UUID, hanok.UpdateComplete)
	w.notReady.Store(true)
	if err := e.lookAt(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	if now, _ := w.cluster(t, before.UUID); now.HealthStatus != hanok.Healthy {
		t.Errorf("by an old look the cluster is %s %v", now.HealthStatus, now.HealthReason)
	}
	if err := e.lookAt(t.Context(), after); err != nil {
		t.Fatal(err)
	}
	if now, _ := w.cluster(t, before.UUID); now.HealthStatus != hanok.Unhealthy {
		t.Errorf("by a new look the cluster is %s %v", now.HealthStatus, now.HealthReason)
	}
}

// TestRenewedNodesAreHealthy: whoever waits for the end of a change of flavor
// does not find the nodes as they were seen in the middle of it.
func TestRenewedNodesAreHealthy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, func(c *Config) { c.Settings.HealthInterval = time.Hour })
	c := completed(t, w, e, 2)
	w.notReady.Store(true)
	if err := e.lookAt(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	w.notReady.Store(false)
	if _, err := e.ChangeFlavor(t.Context(), c.UUID, hanok.DefaultWorkerGroup, flavorPlan(larger, 1, 1)); err != nil {
		t.Fatal(err)
	}
	if c = w.awaitStatus(t, c.UUID, hanok.UpdateComplete); c.HealthStatus != hanok.Healthy || len(c.HealthReason) != 3 {
		t.Errorf("the cluster is %s %v", c.HealthStatus, c.HealthReason)
	}
}
