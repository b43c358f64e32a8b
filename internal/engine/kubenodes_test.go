package engine

import (
	"context"
	"errors"
	"time"

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

// kubelet is one start of it: a boot of its machine, and the registration that
// it was started for.
type kubelet struct {
	boot         time.Time
	registration int
}

// register does what kubelets do when they start: each makes its Node object,
// once per boot and per registration that it is asked for. The caller holds
// w.mu.
func (w *world) register() {
	for _, m := range w.cloud.Inventory().Machines {
		if m.Role != hanok.RoleWorker || m.Status != infra.MachineActive {
			continue
		}
		was := w.kubelet[m.ID]
		now := kubelet{boot: m.UpdatedAt, registration: w.asked[m.Key]}
		if was.boot.Equal(now.boot) && was.registration == now.registration {
			continue
		}
		if w.late > 0 && was.boot.Equal(now.boot) {
			w.late--
			continue
		}
		w.kubelet[m.ID] = now
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

// deleteObject deletes a Node object as a user does.
func (w *world) deleteObject(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.objects, node)
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
		k.register()
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
