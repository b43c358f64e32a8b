package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/internal/engine"
)

// Killed after each step of each operation on a node group, the service ends
// the operation when it is back: the API, the machines and Kubernetes agree.
// (The engine's own tests kill it before each step, too, and at random.)
func TestCrashInGroupOperations(t *testing.T) {
	t.Parallel()
	s := startService(t)
	r := s.request("crash")
	g := &groupCrashes{s: s, flavor: s.flavorNamed(t, "t2.c1m1"), other: s.flavorNamed(t, "m2.c1m2")}
	r.fields["flavor_id"] = g.flavor.ID
	c := s.create(t, r)
	g.c = c
	for _, b := range engine.Boundaries() {
		do, ok := g.operations()[b.Type]
		if !ok || !b.After {
			continue
		}
		t.Run(b.String(), func(t *testing.T) { g.try(t, b, do) })
	}
	s.delete(t, c.uuid)
	if got := s.machines(t); got != 0 {
		t.Errorf("%d machines are left after the delete", got)
	}
}

// groupCrashes is one cluster that every boundary is tried on.
type groupCrashes struct {
	s *service
	c *cluster
	// flavor is what the default group's nodes have or are to get, other what
	// they get next.
	flavor, other client.Flavor
}

// groupCrash brings the cluster to where the operation may begin, begins it,
// and says how many nodes there are to be, and how many running, at its end,
// and what else is to hold then.
type groupCrash struct {
	prepare      func(t *testing.T, b engine.Boundary)
	begin        func(t *testing.T, b engine.Boundary) error
	nodes, ready int
	ended        func(t *testing.T)
}

func (g *groupCrashes) operations() map[hanok.EventType]groupCrash {
	const group = hanok.DefaultWorkerGroup
	resize := func(t *testing.T, count int) error {
		return g.s.Client.Resize(t.Context(), g.c.uuid, group, count, nil)
	}
	extra := func(t *testing.T) error {
		body, err := json.Marshal(map[string]any{
			"name": "extra", "flavor_id": g.flavor.ID, "image_id": g.s.Choice.ImageID,
			"labels": map[string]any{"availability_zone": "", "boot_volume_type": g.s.Choice.VolumeType, "boot_volume_size": "5", "ca_enable": "false"},
		})
		if err != nil {
			return err
		}
		_, err = g.s.Client.CreateNodeGroup(t.Context(), g.c.uuid, body)
		return err
	}
	shrinks := func(b engine.Boundary) bool { return b.Step == "cordon" || b.Step == "remove" }
	last := func(t *testing.T) []string {
		servers := g.s.serversOf(t, g.c.uuid)
		youngest := servers[0]
		for _, s := range servers {
			if s.Name > youngest.Name {
				youngest = s
			}
		}
		return []string{youngest.ID}
	}
	return map[hanok.EventType]groupCrash{
		hanok.ClusterResize: {
			prepare: func(t *testing.T, b engine.Boundary) {
				if shrinks(b) {
					g.do(t, func() error { return resize(t, 2) })
				}
			},
			begin: func(t *testing.T, b engine.Boundary) error {
				if shrinks(b) {
					return resize(t, 1)
				}
				return resize(t, 2)
			},
		},
		hanok.NodeGroupCreate: {begin: func(t *testing.T, _ engine.Boundary) error { return extra(t) }, nodes: 2, ready: 2},
		hanok.NodeGroupDelete: {
			prepare: func(t *testing.T, _ engine.Boundary) { g.do(t, func() error { return extra(t) }) },
			begin: func(t *testing.T, _ engine.Boundary) error {
				return g.s.Client.DeleteNodeGroup(t.Context(), g.c.uuid, "extra")
			},
			nodes: 1, ready: 1,
		},
		hanok.NodesStop: {
			prepare: func(t *testing.T, _ engine.Boundary) { g.do(t, func() error { return resize(t, 2) }) },
			begin: func(t *testing.T, _ engine.Boundary) error {
				return g.s.Client.StopNodes(t.Context(), g.c.uuid, group, last(t))
			},
			nodes: 2, ready: 1,
		},
		hanok.NodesStart: {
			prepare: func(t *testing.T, _ engine.Boundary) {
				g.do(t, func() error { return resize(t, 2) })
				g.do(t, func() error { return g.s.Client.StopNodes(t.Context(), g.c.uuid, group, last(t)) })
			},
			begin: func(t *testing.T, _ engine.Boundary) error {
				return g.s.Client.StartNodes(t.Context(), g.c.uuid, group, last(t))
			},
			nodes: 2, ready: 2,
		},
		hanok.NodeGroupFlavor: {
			prepare: func(t *testing.T, _ engine.Boundary) { g.do(t, func() error { return resize(t, 2) }) },
			begin: func(t *testing.T, _ engine.Boundary) error {
				g.flavor, g.other = g.other, g.flavor
				buffers := 1
				return g.s.Client.ChangeFlavor(t.Context(), g.c.uuid, group, client.FlavorChange{FlavorID: g.flavor.ID, Buffers: &buffers})
			},
			nodes: 2, ready: 2,
			ended: g.wantFlavor,
		},
	}
}

// wantFlavor checks that the group and every node have the flavor, by the API
// and by Kubernetes.
func (g *groupCrashes) wantFlavor(t *testing.T) {
	t.Helper()
	group, err := g.s.Client.NodeGroup(t.Context(), g.c.uuid, hanok.DefaultWorkerGroup)
	if err != nil {
		t.Fatal(err)
	}
	if group.FlavorID != g.flavor.ID {
		t.Errorf("the group has flavor %s, want %s", group.FlavorID, g.flavor.ID)
	}
	for _, server := range g.s.serversOf(t, g.c.uuid) {
		if server.Flavor.ID != g.flavor.ID {
			t.Errorf("%s has flavor %s, want %s", server.Name, server.Flavor.ID, g.flavor.ID)
		}
	}
	for _, n := range g.c.nodes(t).Items {
		name, memory := n.Metadata.Labels["node.kubernetes.io/instance-type"], mebibytes(t, n.Status.Capacity["memory"])
		if name != g.flavor.Name || memory != g.flavor.RAM {
			t.Errorf("Kubernetes has %s with flavor %s and %d MiB, want %s and %d", n.Metadata.Name, name, memory, g.flavor.Name, g.flavor.RAM)
		}
	}
}

// do carries an operation out without a crash.
func (g *groupCrashes) do(t *testing.T, begin func() error) {
	t.Helper()
	if err := begin(); err != nil {
		t.Fatal(err)
	}
	g.s.await(t, g.c.uuid, "UPDATE_COMPLETE", 90*time.Second)
}

func (g *groupCrashes) try(t *testing.T, b engine.Boundary, op groupCrash) {
	if op.prepare != nil {
		op.prepare(t, b)
	}
	g.s.Stop(t)
	g.s.Start(t, crashEnv+"="+b.String())
	g.s.Login(t)
	// The service may be dead before it has answered: then the request is recorded.
	if err := op.begin(t, b); client.StatusOf(err) >= 400 {
		t.Fatal(err)
	}
	g.s.awaitCrash(t)
	g.s.Start(t)
	g.s.Login(t)
	g.s.await(t, g.c.uuid, "UPDATE_COMPLETE", 90*time.Second)
	g.s.wantAgreement(t, g.c)
	if nodes, ready := len(g.s.serversOf(t, g.c.uuid)), len(g.c.nodes(t).Items); op.nodes > 0 && (nodes != op.nodes || ready != op.ready) {
		t.Errorf("%d nodes, of which Kubernetes has %d; want %d and %d", nodes, ready, op.nodes, op.ready)
	}
	if op.ended != nil {
		op.ended(t)
	}
	g.reset(t)
}

// reset brings the cluster back to one node in one group.
func (g *groupCrashes) reset(t *testing.T) {
	t.Helper()
	groups, err := g.s.Client.NodeGroups(t.Context(), g.c.uuid)
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range groups {
		switch {
		case group.Name == "extra":
			g.do(t, func() error { return g.s.Client.DeleteNodeGroup(t.Context(), g.c.uuid, "extra") })
		case group.NodeCount != 1:
			g.do(t, func() error { return g.s.Client.Resize(t.Context(), g.c.uuid, group.Name, 1, nil) })
		}
	}
}
