package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/store"
)

var errDead = errors.New("this process is dead")

// mortal stands between an engine and the world. Once it is dead nothing
// gets through, as with a process that was killed.
type mortal struct {
	store.Store
	*fake.Driver
	dead atomic.Bool
	// countdown is how many boundaries it has left; none when not positive.
	countdown atomic.Int64
}

func (m *mortal) Update(ctx context.Context, fn func(store.Tx) error) error {
	return m.Store.Update(ctx, func(tx store.Tx) error {
		if m.dead.Load() {
			return errDead
		}
		if err := fn(tx); err != nil {
			return err
		}
		if m.dead.Load() {
			return errDead // it died before the commit
		}
		return nil
	})
}

func (m *mortal) CreatePort(ctx context.Context, s infra.PortSpec) (infra.Port, error) {
	if m.dead.Load() {
		return infra.Port{}, errDead
	}
	return m.Driver.CreatePort(ctx, s)
}

func (m *mortal) CreateMachine(ctx context.Context, s infra.MachineSpec) (infra.Machine, error) {
	if m.dead.Load() {
		return infra.Machine{}, errDead
	}
	return m.Driver.CreateMachine(ctx, s)
}

func (m *mortal) CreateEndpoint(ctx context.Context, s infra.EndpointSpec) (infra.Endpoint, error) {
	if m.dead.Load() {
		return infra.Endpoint{}, errDead
	}
	return m.Driver.CreateEndpoint(ctx, s)
}

func (m *mortal) DeleteMachine(ctx context.Context, id string) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Driver.DeleteMachine(ctx, id)
}

func (m *mortal) StopMachine(ctx context.Context, id string) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Driver.StopMachine(ctx, id)
}

func (m *mortal) StartMachine(ctx context.Context, id string) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Driver.StartMachine(ctx, id)
}

func (m *mortal) DeletePort(ctx context.Context, id string) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Driver.DeletePort(ctx, id)
}

func (m *mortal) DeleteEndpoint(ctx context.Context, id string) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Driver.DeleteEndpoint(ctx, id)
}

func (m *mortal) ResizeMachine(ctx context.Context, id string, flavor infra.Flavor) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Driver.ResizeMachine(ctx, id, flavor)
}

// mortalKubernetes gives clients that die with their process.
type mortalKubernetes struct {
	*world
	process *mortal
}

func (k mortalKubernetes) Client(f kube.Facts, _ kube.Dial) (KubeClient, error) {
	return &kubernetes{world: k.world, cluster: f.UUID, process: k.process}, nil
}

// startMortal runs an engine that dies at a boundary; died tells when.
func (w *world) startMortal(t *testing.T, at Boundary) (e *Engine, died <-chan struct{}) {
	t.Helper()
	m := &mortal{Store: w.store, Driver: w.cloud}
	dead, bury := make(chan struct{}), make(chan struct{})
	var once sync.Once
	e, stop := w.start(t, func(c *Config) {
		c.Store, c.Driver, c.Kube = m, m, mortalKubernetes{w, m}
		c.AtBoundary = func(b Boundary) {
			if b != at && !m.dead.Load() {
				return
			}
			once.Do(func() {
				m.dead.Store(true)
				close(dead)
			})
			<-bury
		}
	})
	t.Cleanup(func() {
		close(bury)
		stop()
	})
	return e, dead
}

// TestCrash kills the engine at every boundary of create and of delete, and
// starts another one.
func TestCrash(t *testing.T) {
	t.Parallel()
	for _, at := range Boundaries() {
		if at.Type != hanok.ClusterCreate && at.Type != hanok.ClusterDelete {
			continue // TestCrashOfGroup
		}
		t.Run(at.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fake.Options{Polls: 2})
			victim, died := w.startMortal(t, at)
			c := create(t, victim, plan("prod", 2))
			if at.Type == hanok.ClusterDelete {
				w.awaitStatus(t, c.UUID, hanok.CreateComplete)
				remove(t, victim, c.UUID)
			}
			select {
			case <-died:
			case <-time.After(patienceOfTests):
				t.Fatal("the boundary was never reached")
			}

			w.store = w.openStore(t) // as a new process does
			e, _ := w.start(t, nil)
			if at.Type == hanok.ClusterCreate {
				w.awaitStatus(t, c.UUID, hanok.CreateComplete)
				w.wantSet(t, 1, 2)
				w.checkRecords(t, c)
				remove(t, e, c.UUID)
			}
			w.awaitGone(t, c.UUID)
			w.wantEmpty(t)
			want := []string{"CLUSTER_DELETE SUCCESS", "CLUSTER_CREATE SUCCESS"}
			if got := w.events(t, c.UUID); !slices.Equal(got, want) {
				t.Errorf("events %q, want %q", got, want)
			}
		})
	}
}

// TestResumesAtOnce: from the start of a service to work on what an earlier
// one left there are far less than two seconds.
func TestResumesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	victim, died := w.startMortal(t, Boundary{hanok.ClusterCreate, "machines", false})
	c := create(t, victim, plan("prod", 2))
	<-died
	started := time.Now()
	w.store = w.openStore(t)
	resumed := make(chan time.Duration, 32)
	w.start(t, func(cfg *Config) {
		cfg.AtBoundary = func(b Boundary) {
			if b.Step == "machines" && !b.After {
				resumed <- time.Since(started)
			}
		}
	})
	select {
	case took := <-resumed:
		t.Logf("resumed %v after the start", took)
		if took > 2*time.Second {
			t.Errorf("work resumed after %v, want under 2 s", took)
		}
	case <-time.After(patienceOfTests):
		t.Fatal("work did not resume")
	}
	w.awaitStatus(t, c.UUID, hanok.CreateComplete)
}

// TestStopAndStart ends the service in order, in the middle of a create.
func TestStopAndStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	w.apiDown.Store(true)
	e, stop := w.start(t, nil)
	c := create(t, e, plan("prod", 1))
	eventually(t, "the wait for the API server", func() (bool, string) {
		got := w.events(t, c.UUID)[0]
		return strings.Contains(got, "waiting for"), got
	})
	stop()
	if got, _ := w.cluster(t, c.UUID); got.Status != hanok.CreateInProgress {
		t.Fatalf("a stop of the service ends the create as %s %s", got.Status, got.StatusReason)
	}
	w.apiDown.Store(false)
	w.start(t, nil)
	w.awaitStatus(t, c.UUID, hanok.CreateComplete)
	w.wantSet(t, 1, 1)
}

// TestDeadlinePassedWhileDown: an operation whose deadline passed while no
// service ran fails at once.
func TestDeadlinePassedWhileDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	w.apiDown.Store(true)
	e, stop := w.start(t, nil)
	stop()
	e.now = func() time.Time { return time.Now().UTC().Add(-2 * time.Hour) }
	c := create(t, e, plan("prod", 1))
	w.start(t, nil)
	c = w.awaitStatus(t, c.UUID, hanok.CreateFailed)
	if !strings.Contains(c.StatusReason, "not done after 1h0m0s") {
		t.Errorf("reason %q", c.StatusReason)
	}
}

// TestTakenOver: a second engine that takes an operation over fences the
// first, which stops and writes nothing more.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{Polls: 2})
	reached, pass := make(chan struct{}), make(chan struct{})
	var once sync.Once
	first, _ := w.start(t, func(c *Config) {
		c.AtBoundary = func(b Boundary) {
			if b.Step == "machines" && !b.After {
				once.Do(func() { close(reached) })
				<-pass
			}
		}
	})
	c := create(t, first, plan("prod", 2))
	<-reached
	// A Work that starts is given everything that is unfinished.
	w.start(t, nil)
	w.awaitStatus(t, c.UUID, hanok.CreateComplete)
	close(pass)
	eventually(t, "the first engine's stop", func() (bool, string) {
		first.mu.Lock()
		defer first.mu.Unlock()
		return len(first.running) == 0, "it still runs"
	})
	w.wantSet(t, 1, 2)
	if got := w.events(t, c.UUID); !slices.Equal(got, []string{"CLUSTER_CREATE SUCCESS"}) {
		t.Errorf("events %q", got)
	}
	if now, _ := w.cluster(t, c.UUID); now.Status != hanok.CreateComplete {
		t.Errorf("the late engine made it %s %s", now.Status, now.StatusReason)
	}
}

func TestCrashAt(t *testing.T) {
	t.Parallel()
	if at, err := CrashAt(""); at != nil || err != nil {
		t.Errorf("CrashAt of nothing: %v", err)
	}
	if _, err := CrashAt("CLUSTER_CREATE/nowhere/after"); err == nil || !strings.Contains(err.Error(), "CLUSTER_DELETE/machines/before") {
		t.Errorf("an unknown boundary: %v, want an error that lists those there are", err)
	}
	for _, b := range Boundaries() {
		at, err := CrashAt(b.String())
		if err != nil || at == nil {
			t.Errorf("CrashAt(%s): %v", b, err)
			continue
		}
		for _, other := range Boundaries() {
			if other != b {
				at(other) // must not kill this test
			}
		}
	}
}
