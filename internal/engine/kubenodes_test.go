package engine

import (
	"context"
	"errors"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/kube"
)

// nodeObject is a Node object of a cluster in this world.
type nodeObject struct {
	cluster, name string
	cordoned      bool
	stale         bool // Kubernetes takes its machine for running
	marks         kube.NodeMarks
}

// register does what kubelets do when they start: each makes its Node object,
// once per boot. The caller holds w.mu.
func (w *world) register() {
	for _, m := range w.cloud.Inventory().Machines {
		if m.Role != hanok.RoleWorker || m.Status != infra.MachineActive || w.booted[m.ID].Equal(m.UpdatedAt) {
			continue
		}
		w.booted[m.ID] = m.UpdatedAt
		if w.objects[m.Name] == nil {
			w.objects[m.Name] = &nodeObject{cluster: m.ClusterUUID, name: m.Name}
		}
	}
}

// nodesOf lists the Node objects of a cluster. One whose machine does not run
// is not Ready.
func (w *world) nodesOf(cluster string) (states []kube.NodeState) {
	running := map[string]bool{}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.register()
	for _, m := range w.cloud.Inventory().Machines {
		running[m.Name] = running[m.Name] || m.Status == infra.MachineActive
	}
	for _, o := range w.objects {
		if o.cluster == cluster {
			states = append(states, kube.NodeState{Name: o.name, Ready: (running[o.name] || o.stale) && !w.notReady.Load()})
		}
	}
	return states
}

// trust makes Kubernetes take a node's machine for running, whatever happens.
func (w *world) trust(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.objects[node].stale = true
}

// block makes a PodDisruptionBudget on a node that can never be met; "" lifts it.
func (w *world) block(node, pod string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blocked[node] = pod
}

// cordoned tells whether a node is there and takes no pods.
func (w *world) cordoned(node string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.objects[node] != nil && w.objects[node].cordoned
}

func (k *kubernetes) setCordoned(ctx context.Context, name string, on bool) error {
	if err := k.Ready(ctx); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.register()
	if o := k.objects[name]; o != nil {
		o.cordoned = on
	}
	return nil
}

func (k *kubernetes) Cordon(ctx context.Context, name string) error {
	return k.setCordoned(ctx, name, true)
}

func (k *kubernetes) Uncordon(ctx context.Context, name string) error {
	return k.setCordoned(ctx, name, false)
}

// Drain waits for what stays, and for an API server that is away.
func (k *kubernetes) Drain(ctx context.Context, name string, _ func(string)) error {
	for {
		k.mu.Lock()
		o, pod := k.objects[name], k.blocked[name]
		k.mu.Unlock()
		err := k.Ready(ctx)
		switch {
		case errors.Is(err, errDead):
			return err
		case err == nil && o != nil && !o.cordoned:
			return errors.New("the node is drained before it is cordoned")
		case err == nil && pod == "":
			return nil
		}
		if sleep(ctx, k.pause) != nil {
			stays := &kube.DrainError{Node: name, Err: err}
			if pod != "" {
				stays.Stays = []string{pod + " (Cannot evict pod as it would violate the pod's disruption budget)"}
			}
			return stays
		}
	}
}

func (k *kubernetes) DeleteNode(ctx context.Context, name string) error {
	if err := k.Ready(ctx); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.register()
	delete(k.objects, name)
	return nil
}

func (k *kubernetes) DeletePodsOf(ctx context.Context, _ string) error { return k.Ready(ctx) }
