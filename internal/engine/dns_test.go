package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/kube"
)

// dnsOfWorld is CoreDNS of a world's clusters.
type dnsOfWorld struct {
	mu     sync.Mutex
	said   []string // scalings and waits in their order, one of each repeated one
	broken error    // what calls answer
}

func (d *dnsOfWorld) say(what string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.said); n == 0 || d.said[n-1] != what {
		d.said = append(d.said, what)
	}
	return d.broken
}

// heard gives what was said since the last time.
func (d *dnsOfWorld) heard() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	said := strings.Join(d.said, ", ")
	d.said = nil
	return said
}

func (k *kubernetes) ScaleDNS(_ context.Context, replicas int) error {
	return k.dns.say([]string{"none", "one", "two"}[replicas])
}

func (k *kubernetes) WaitDNS(context.Context) error { return k.dns.say("wait") }

// TestDNSFollowsTheNodes: one replica on one node, two on more; the second
// serves before a rolling drains the first node, and goes after the buffers.
func TestDNSFollowsTheNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 1)
	for _, change := range []struct {
		what  string
		begin func() error
		want  string
	}{
		{"a rolling with a buffer", func() error { changeFlavor(t, e, c, flavorPlan(larger, 1, 1)); return nil }, "two, wait, one"},
		{"growth", func() error {
			_, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: 3})
			return err
		}, "two"},
		{"a stop", func() error {
			_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
			return stop(t, e, c, nodes[0].UUID, nodes[1].UUID)
		}, "one"},
		{"a start", func() error {
			_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
			return start(t, e, c, nodes[0].UUID, nodes[1].UUID)
		}, "two"},
		{"shrinking", func() error {
			_, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: 1})
			return err
		}, "one"},
		{"another group", func() error {
			_, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan("added", 1))
			return err
		}, "two"},
		{"its end", func() error { return e.DeleteNodeGroup(t.Context(), c.UUID, "added") }, "one"},
	} {
		w.dns.heard()
		if err := change.begin(); err != nil {
			t.Fatalf("%s: %v", change.what, err)
		}
		w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
		if got := w.dns.heard(); got != change.want {
			t.Errorf("%s: CoreDNS was told %q, want %q", change.what, got, change.want)
		}
	}
}

// TestDNSFollowsAFailure: what a failed operation did is followed as well.
func TestDNSFollowsAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, func(c *Config) { c.Settings.DrainTimeout = 300 * time.Millisecond })
	c := completed(t, w, e, 3)
	_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
	w.block(nodes[1].Name, "shop/cart")
	if err := stop(t, e, c, nodes[0].UUID, nodes[1].UUID); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateFailed)
	if got := w.dns.heard(); got != "two" {
		t.Errorf("CoreDNS was told %q, want two replicas for the two nodes that run", got)
	}
}

// TestDNSIsBestEffort: no operation fails because CoreDNS cannot be scaled.
func TestDNSIsBestEffort(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	w.dns.broken = errors.New("a webhook refuses it")
	e, _ := w.start(t, func(c *Config) { c.Settings.DrainTimeout = 300 * time.Millisecond })
	c := completed(t, w, e, 1)
	changeFlavor(t, e, c, flavorPlan(larger, 1, 1))
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
	if got := w.dns.heard(); got != "two, wait, one" {
		t.Errorf("CoreDNS was told %q", got)
	}
}

func TestDNSReplicas(t *testing.T) {
	t.Parallel()
	workers := func(states ...hanok.NodeStatus) (nodes []hanok.Node) {
		for i, s := range states {
			key := string(rune('a' + i))
			nodes = append(nodes, hanok.Node{Key: key, Name: "n-" + key, Status: s})
		}
		return nodes
	}
	const on, off = hanok.NodeActive, hanok.NodeShutoff
	for name, tt := range map[string]struct {
		workers  []hanok.Node
		tainted  []string
		renewed  []string
		parallel int
		want     int
	}{
		"none":                                  {nil, nil, nil, 0, 1},
		"one":                                   {workers(on), nil, nil, 0, 1},
		"many":                                  {workers(on, on, on), nil, nil, 0, 2},
		"one of two runs":                       {workers(on, off), nil, nil, 0, 1},
		"one of two is being made":              {workers(on, hanok.NodeBuild), nil, nil, 0, 1},
		"the second is not for it":              {workers(on, on), []string{"n-b"}, nil, 0, 1},
		"the renewed one is off, its buffer on": {workers(off, on), nil, []string{"a"}, 1, 2},
		"a lone one is renewed":                 {workers(on), nil, []string{"a"}, 1, 1},
		"two are renewed in turn":               {workers(on, on), nil, []string{"a", "b"}, 1, 2},
		"two are renewed at once":               {workers(on, on), nil, []string{"a", "b"}, 2, 1},
		"two at once beside a third":            {workers(on, on, on), nil, []string{"a", "b"}, 2, 2},
		"two at once beside one not for it":     {workers(on, on, on), []string{"n-c"}, []string{"a", "b"}, 2, 1},
	} {
		var states []kube.NodeState
		for _, n := range tt.workers {
			states = append(states, kube.NodeState{Name: n.Name, Tainted: slices.Contains(tt.tainted, n.Name)})
		}
		if got := dnsReplicas(tt.workers, states, groupInput{Nodes: tt.renewed, Parallel: tt.parallel}); got != tt.want {
			t.Errorf("%s: %d replicas, want %d", name, got, tt.want)
		}
	}
}
