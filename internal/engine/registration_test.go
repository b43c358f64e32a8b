package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/store"
)

// registrations gives how often a node was asked to register again.
func (w *world) registrations(t *testing.T, n hanok.Node) (r registration) {
	t.Helper()
	err := w.store.View(t.Context(), func(tx store.Tx) (err error) {
		r, err = readRegistration(tx, n.Key)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// looks looks at a cluster so often, as the health watch does.
func (w *world) looks(t *testing.T, e *Engine, c hanok.Cluster, times int) {
	t.Helper()
	for range times {
		now, _ := w.cluster(t, c.UUID)
		if err := e.lookAt(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
}

// byHand keeps the engine from looking at clusters by itself.
func byHand(c *Config) { c.Settings.HealthInterval = time.Hour }

// TestDeletedNodeObjectComesBack: a node whose Node object a user deletes is
// there again, and its machine has run all the time.
func TestDeletedNodeObjectComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, stop := w.start(t, byHand)
	c := completed(t, w, e, 2)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	machines := w.cloud.Inventory().Machines
	w.deleteObject(nodes[0].Name)
	w.looks(t, e, c, 1)
	if r := w.registrations(t, nodes[0]); r.Number != 0 {
		t.Errorf("after one look: %+v", r)
	}
	stop() // what was seen is not forgotten with the service
	e, _ = w.start(t, byHand)
	w.looks(t, e, c, 1)
	if r := w.registrations(t, nodes[0]); r.Number != 1 {
		t.Fatalf("after two looks: %+v", r)
	}
	w.looks(t, e, c, 1)
	w.agree(t, c)
	if now, _ := w.cluster(t, c.UUID); now.HealthStatus != hanok.Healthy || now.Status != hanok.CreateComplete {
		t.Errorf("the cluster is %s, %s %v", now.Status, now.HealthStatus, now.HealthReason)
	}
	if r := w.registrations(t, nodes[1]); r.Number != 0 {
		t.Errorf("the other node was asked to register: %+v", r)
	}
	for _, m := range w.cloud.Inventory().Machines {
		for _, before := range machines {
			if m.ID == before.ID && !m.UpdatedAt.Equal(before.UpdatedAt) {
				t.Errorf("machine %s was started anew", m.Name)
			}
		}
	}
	// Its next boot is one like any other, and nothing of it outlives the node.
	if err := e.DeleteCluster(t.Context(), c.UUID); err != nil {
		t.Fatal(err)
	}
	w.awaitGone(t, c.UUID)
	w.wantEmpty(t)
}

// TestOneRegistrationAtATime: a node that does not register is asked again
// after a pause, however often it is looked at, and looks at once ask once.
func TestOneRegistrationAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, byHand)
	c := completed(t, w, e, 1)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	w.mu.Lock()
	w.late = 1 << 30
	w.mu.Unlock()
	w.deleteObject(nodes[0].Name)
	w.looks(t, e, c, 1)
	now, _ := w.cluster(t, c.UUID)
	ended := make(chan error)
	for range 4 {
		go func() { ended <- e.lookAt(t.Context(), now) }()
	}
	for range 4 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	w.looks(t, e, c, 4)
	if r := w.registrations(t, nodes[0]); r.Number != 1 || r.Tries != 1 {
		t.Errorf("asked %+v, want once", r)
	}
	now, _ = w.cluster(t, c.UUID)
	if now.HealthStatus != hanok.Unhealthy {
		t.Errorf("the cluster is %s", now.HealthStatus)
	}
	e.now = func() time.Time { return time.Now().UTC().Add(registerPauseFirst + time.Second) }
	w.looks(t, e, c, 4)
	if r := w.registrations(t, nodes[0]); r.Number != 2 || r.Tries != 2 {
		t.Errorf("after the pause: %+v, want a second try", r)
	}
}

func TestNextRegistration(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		last  registration
		tries int // of the next; 0: none is due
	}{
		"the first":               {registration{}, 1},
		"a moment ago":            {registration{1, 1, now.Add(-29 * time.Second)}, 0},
		"it did not help":         {registration{1, 1, now.Add(-31 * time.Second)}, 2},
		"it helped":               {registration{1, 1, now.Add(-61 * time.Second)}, 1},
		"the third, a minute ago": {registration{7, 3, now.Add(-time.Minute)}, 0},
		"the third did not help":  {registration{7, 3, now.Add(-2*time.Minute - time.Second)}, 4},
		"many, half an hour ago":  {registration{99, 50, now.Add(-29 * time.Minute)}, 0},
		"many did not help":       {registration{99, 50, now.Add(-31 * time.Minute)}, 51},
		"the clock was put back":  {registration{2, 2, now.Add(time.Hour)}, 1},
	} {
		next, due := c.last.next(now)
		want := registration{Number: c.last.Number + 1, Tries: c.tries, At: now}
		if c.tries == 0 {
			want = c.last
		}
		if due != (c.tries > 0) || next != want {
			t.Errorf("%s: %+v, %v; want %+v", name, next, due, want)
		}
	}
}

// TestOperationsKeepNodesAway: a node without a Node object is left alone while
// an operation is at its group, and not while one is at another group.
func TestOperationsKeepNodesAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, byHand)
	c := completed(t, w, e, 2)
	others := w.addGroup(t, e, c, "others", 1)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	w.block(nodes[0].Name, "shop/cart-0")
	if err := stop(t, e, c, nodes[0].UUID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a drain that waits", func() (bool, string) { return w.cordoned(nodes[0].Name), "" })
	w.deleteObject(nodes[0].Name)
	w.deleteObject(others[0].Name)
	w.looks(t, e, c, 3)
	if r := w.registrations(t, nodes[0]); r.Number != 0 {
		t.Errorf("a node that is being stopped was asked to register: %+v", r)
	}
	if r := w.registrations(t, others[0]); r.Number != 1 {
		t.Errorf("the node of the other group was asked %+v", r)
	}
	w.block(nodes[0].Name, "")
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.looks(t, e, c, 3)
	w.agree(t, c)
	if r := w.registrations(t, nodes[0]); r.Number != 0 {
		t.Errorf("a stopped node was asked to register: %+v", r)
	}
}

// TestAnOldLookRegistersNobody: what was seen before an operation ended says
// nothing of the nodes after it.
func TestAnOldLookRegistersNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, byHand)
	c := completed(t, w, e, 2)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	w.deleteObject(nodes[0].Name)
	w.looks(t, e, c, 1)
	before, _ := w.cluster(t, c.UUID)
	if err := stop(t, e, c, nodes[1].UUID); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	if err := e.registerAgain(t.Context(), before, nodes[0]); err != nil {
		t.Fatal(err)
	}
	if r := w.registrations(t, nodes[0]); r.Number != 0 {
		t.Errorf("asked by an old look: %+v", r)
	}
}

// TestOperationWaitsForARegistration: a node that is about to register is
// cordoned when it has, and not drained under what comes to it.
func TestOperationWaitsForARegistration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, byHand)
	c := completed(t, w, e, 2)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	w.mu.Lock()
	w.late = 1
	w.mu.Unlock()
	w.deleteObject(nodes[0].Name)
	w.looks(t, e, c, 2)
	if r := w.registrations(t, nodes[0]); r.Number != 1 {
		t.Fatalf("asked %+v", r)
	}
	if err := stop(t, e, c, nodes[0].UUID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the stop", func() (bool, string) {
		now, _ := w.cluster(t, c.UUID)
		return !now.Status.InProgress(), string(now.Status)
	})
	if events := w.events(t, c.UUID); !strings.HasPrefix(events[0], string(hanok.NodesStop)+" SUCCESS") {
		t.Errorf("events %q", events)
	}
	w.agree(t, c)
}
