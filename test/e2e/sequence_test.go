package e2e

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/internal/engine"
	"github.com/hanok/hanok/internal/engine/enginetest"
	"github.com/hanok/hanok/test/harness"
)

// A sequence on machines takes some ten seconds, so that they are few and
// short, and one that fails is told as it is.
func init() {
	for name, value := range map[string]string{
		"rapid.checks": "24", "rapid.steps": "6", "rapid.shrinktime": "1ns", "rapid.nofailfile": "true",
	} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
}

// TestSequencesOnMachines drives random sequences of calls, with kill -9 of the
// service at random boundaries and of machines in between, on real clusters:
// what the API says is what machines run is what Kubernetes has. More:
// go test ./test/e2e -run SequencesOnMachines -rapid.checks=200 -timeout 2h.
func TestSequencesOnMachines(t *testing.T) {
	t.Parallel()
	s := startService(t)
	small, other := s.flavorNamed(t, "t2.c1m1"), s.flavorNamed(t, "m2.c1m2")
	rapid.Check(t, func(rt *rapid.T) {
		w := &machineWorld{t: t, s: s, flavor: small.ID, flavors: map[string]string{small.ID: small.Name, other.ID: other.Name}}
		w.Revive()
		r := s.request("sequence")
		r.fields["flavor_id"] = small.ID
		w.c = s.create(t, r)
		enginetest.Run(rt, w, enginetest.Bounds{
			NodeCount: 1, MaxNodeCount: 2, MaxNodes: 3, BadCounts: []int{-1, 0, 11},
			Flavors: [2]string{small.ID, other.ID}, Patience: 4 * time.Minute,
		})
	})
}

// machineWorld is a service with one cluster of real machines.
type machineWorld struct {
	t       *testing.T
	s       *service
	c       *cluster
	flavor  string            // of new groups
	flavors map[string]string // names by id
}

// call sends a request once.
func (w *machineWorld) call(do func() error) error {
	w.Revive()
	err := do()
	switch status := client.StatusOf(err); {
	case err == nil:
		return nil
	case status == http.StatusBadRequest:
		return &hanok.Error{Kind: hanok.KindInvalid, Detail: err.Error()}
	case status == http.StatusNotFound:
		return &hanok.Error{Kind: hanok.KindNotFound, Detail: err.Error()}
	case status == http.StatusConflict:
		return &hanok.Error{Kind: hanok.KindConflict, Detail: err.Error()}
	case status == 0:
		w.awaitEnd(err)
		return enginetest.ErrLost
	}
	return err
}

// awaitEnd waits for the end of a service that did not answer.
func (w *machineWorld) awaitEnd(err error) {
	harness.Eventually(w.t, 10*time.Second, "the end of a service that does not answer", func() error {
		if w.s.Ended() {
			return nil
		}
		return err
	})
}

// ask repeats a question until the service lives to answer it.
func (w *machineWorld) ask(do func() error) error {
	for {
		if err := w.call(do); !errors.Is(err, enginetest.ErrLost) {
			return err
		}
	}
}

func (w *machineWorld) CreateGroup(name string, nodes int) error {
	choice := w.s.Choice
	body, err := json.Marshal(map[string]any{
		"name": name, "node_count": nodes, "flavor_id": w.flavor, "image_id": choice.ImageID,
		"labels": map[string]any{
			"availability_zone": choice.Zone, "boot_volume_type": choice.VolumeType, "boot_volume_size": "5", "ca_enable": "false",
		},
	})
	if err != nil {
		return err
	}
	return w.call(func() error {
		_, err := w.s.Client.CreateNodeGroup(w.t.Context(), w.c.uuid, body)
		return err
	})
}

func (w *machineWorld) DeleteGroup(name string) error {
	return w.call(func() error { return w.s.Client.DeleteNodeGroup(w.t.Context(), w.c.uuid, name) })
}

func (w *machineWorld) Resize(group string, count int, remove []string) error {
	return w.call(func() error { return w.s.Client.Resize(w.t.Context(), w.c.uuid, group, count, remove) })
}

func (w *machineWorld) StopNodes(group string, uuids []string) error {
	return w.call(func() error { return w.s.Client.StopNodes(w.t.Context(), w.c.uuid, group, uuids) })
}

func (w *machineWorld) StartNodes(group string, uuids []string) error {
	return w.call(func() error { return w.s.Client.StartNodes(w.t.Context(), w.c.uuid, group, uuids) })
}

func (w *machineWorld) ChangeFlavor(group, flavor string, buffers, parallel int) error {
	return w.call(func() error {
		return w.s.Client.ChangeFlavor(w.t.Context(), w.c.uuid, group, client.FlavorChange{FlavorID: flavor, Buffers: &buffers, MaxUnavailable: parallel})
	})
}

func (w *machineWorld) DeleteCluster() error {
	return w.call(func() error { return w.s.Client.DeleteCluster(w.t.Context(), w.c.uuid) })
}

// State reads the events first: what they say has ended is in what is read
// after them.
func (w *machineWorld) State() (state enginetest.State) {
	err := w.ask(func() error {
		state = enginetest.State{}
		events, err := w.s.Client.Events(w.t.Context(), w.c.uuid)
		if err != nil {
			return err
		}
		for _, e := range events {
			state.Events = append(state.Events, fmt.Sprintf("%s of %s %s %s", e.Type, e.ResourceName, e.State, e.Contents))
			if e.State == string(hanok.EventInProgress) {
				state.Unfinished++
			}
		}
		c, err := w.s.Client.Cluster(w.t.Context(), w.c.uuid)
		if err != nil {
			return err
		}
		state.Status, state.Reason = hanok.Status(c.Status), c.StatusReason
		groups, err := w.s.Client.NodeGroups(w.t.Context(), w.c.uuid)
		if err != nil {
			return err
		}
		servers, err := w.s.Client.Servers(w.t.Context())
		for _, g := range groups {
			state.Groups = append(state.Groups, enginetest.Group{
				Name: g.Name, Status: hanok.Status(g.Status), Reason: g.StatusReason, Flavor: g.FlavorID, NodeCount: g.NodeCount,
			})
			for _, server := range servers {
				if server.Metadata["nodegroup_uuid"] == g.UUID {
					state.Nodes = append(state.Nodes, enginetest.Node{
						UUID: server.ID, Name: server.Name, Group: g.Name, Flavor: server.Flavor.ID, Status: hanok.NodeStatus(server.Status),
					})
				}
			}
		}
		return err
	})
	if hanok.KindOf(err) == hanok.KindNotFound {
		return enginetest.State{Gone: true}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return state
}

func (w *machineWorld) Differences() (all []string) {
	differ := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	state := w.State()
	count, running := map[string]int{}, w.s.RuncList(w.t)
	kubernetes := map[string]node{}
	for _, n := range w.c.nodes(w.t).Items {
		kubernetes[n.Metadata.Name] = n
	}
	for _, n := range state.Nodes {
		count[n.Group]++
		_, runs := running[n.UUID]
		delete(running, n.UUID)
		k, there := kubernetes[n.Name]
		delete(kubernetes, n.Name)
		if active := n.Status == hanok.NodeActive; runs != active || there != active {
			differ("node %s is %s; its machine runs: %v, Kubernetes has it: %v", n.Name, n.Status, runs, there)
			continue
		}
		if there && (!k.ready() || k.Spec.Unschedulable || k.Spec.ProviderID != "openstack:///"+n.UUID) {
			differ("node %s (%s) is in Kubernetes: Ready %v, unschedulable %v, providerID %s", n.Name, n.UUID, k.ready(), k.Spec.Unschedulable, k.Spec.ProviderID)
		}
		if flavor := k.Metadata.Labels["node.kubernetes.io/instance-type"]; there && flavor != w.flavors[n.Flavor] {
			differ("node %s has flavor %s; in Kubernetes it is %s", n.Name, w.flavors[n.Flavor], flavor)
		}
	}
	for name := range kubernetes {
		differ("Kubernetes has node %s, which is no more", name)
	}
	if len(running) != 1 { // the control plane's
		differ("%d machines run beside the nodes, want the control plane's", len(running))
	}
	sum := 0
	for _, g := range state.Groups {
		if sum += g.NodeCount; g.NodeCount != count[g.Name] {
			differ("group %s has node_count %d and %d nodes", g.Name, g.NodeCount, count[g.Name])
		}
	}
	if shown := w.s.show(w.t, w.c.uuid).NodeCount; shown != sum {
		differ("the cluster has node_count %d, its groups %d", shown, sum)
	}
	return all
}

func (w *machineWorld) Remains() (left []string) {
	for id := range w.s.RuncList(w.t) {
		left = append(left, "machine "+id)
	}
	return left
}

func (w *machineWorld) Crash() {
	if !w.s.Ended() {
		w.s.Kill(w.t)
	}
}

// CrashSoon starts the service anew so that it kills itself at a boundary of
// an operation on groups, if one comes by it.
func (w *machineWorld) CrashSoon(rt *rapid.T) {
	var at []string
	for _, b := range engine.Boundaries() {
		if b.Type != hanok.ClusterCreate && b.Type != hanok.ClusterDelete {
			at = append(at, b.String())
		}
	}
	boundary := rapid.SampledFrom(at).Draw(rt, "boundary")
	w.Crash()
	w.s.Start(w.t, crashEnv+"="+boundary)
	w.s.Login(w.t)
}

func (w *machineWorld) Revive() {
	if w.s.Ended() {
		w.s.Start(w.t)
		w.s.Login(w.t)
	}
}

func (w *machineWorld) KillMachine(uuid string) {
	if pid, runs := w.s.RuncList(w.t)[uuid]; runs {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func (w *machineWorld) Troubles() map[string]enginetest.Trouble { return nil }

func (w *machineWorld) Heal() {}

func (w *machineWorld) Wait(int) { time.Sleep(200 * time.Millisecond) }
