package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
)

// The agents: they report once their machine runs.

func (w *world) Prepare(tx store.Tx, nodeKey, clusterUUID string) (string, error) {
	name := "token/" + nodeKey
	if token, err := tx.Secret(clusterUUID, name); err == nil {
		return string(token), nil
	}
	return "t-" + nodeKey, tx.PutSecret(clusterUUID, name, []byte("t-"+nodeKey))
}

func (w *world) CA() []byte { return []byte("agent ca") }

func (w *world) Report(nodeKey string) (machine.Report, time.Time, bool) {
	w.mu.Lock()
	r, ok := w.reports[nodeKey]
	w.mu.Unlock()
	if ok {
		return r, time.Now(), true
	}
	for _, m := range w.cloud.Inventory().Machines {
		if m.Key == nodeKey && m.Status == infra.MachineActive && !w.apiDown.Load() {
			return machine.Report{Applied: true, Ready: true, Processes: []machine.ProcessReport{{Name: apiServer, State: machine.ProcessReady}}}, time.Now(), true
		}
	}
	return machine.Report{}, time.Time{}, false
}

func (w *world) Wait(ctx context.Context, nodeKey string, fulfilled func(machine.Report) bool) error {
	for {
		if r, _, ok := w.Report(nodeKey); ok && fulfilled(r) {
			return nil
		}
		if err := sleep(ctx, w.pause); err != nil {
			return err
		}
	}
}

func (w *world) Changed(keys ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = append(w.changed, keys...)
	_ = w.records.View(context.Background(), func(tx store.Tx) error {
		for _, key := range keys {
			r, err := readRegistration(tx, key)
			if err != nil {
				return err
			}
			w.asked[key] = r.Number
		}
		return nil
	})
}

func (w *world) Forget(string) {}

func (w *world) Revoke(tx store.Tx, nodeKey, clusterUUID string) error {
	return unlessNotFound(tx.DeleteSecret(clusterUUID, "token/"+nodeKey))
}

// setReport makes an agent report this.
func (w *world) setReport(nodeKey string, r machine.Report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports[nodeKey] = r
}

// Kubernetes: it runs where machines run.

func (w *world) NewSecrets(clusterName string, now time.Time) (map[string][]byte, error) {
	secrets := map[string][]byte{}
	for _, name := range []string{
		kube.SecretCACert, kube.SecretCAKey, kube.SecretFrontProxyCert, kube.SecretFrontProxyKey,
		kube.SecretSAKey, kube.SecretSAPub, kube.SecretEncryptionKey, kube.SecretAdminCert, kube.SecretAdminKey,
	} {
		secrets[name] = []byte(name + " of " + clusterName)
	}
	return secrets, nil
}

func (w *world) Client(f kube.Facts, _ kube.Dial) (KubeClient, error) {
	return &kubernetes{world: w, cluster: f.UUID}, nil
}

// kubernetes is the API of a cluster as one process reaches it.
type kubernetes struct {
	*world
	cluster string
	process *mortal // nil: it does not die
}

func (k *kubernetes) machines(role string) (running []infra.Machine) {
	for _, m := range k.cloud.Inventory().Machines {
		if m.ClusterUUID == k.cluster && m.Role == role && m.Status == infra.MachineActive {
			running = append(running, m)
		}
	}
	return running
}

func (k *kubernetes) Ready(context.Context) error {
	if k.process != nil && k.process.dead.Load() {
		return errDead
	}
	if k.apiDown.Load() || len(k.machines(hanok.RoleMaster)) == 0 {
		return errors.New("connection refused")
	}
	return nil
}

func (k *kubernetes) ApplyAddons(ctx context.Context, _ kube.Facts, workers int) error {
	k.addons.Add(1)
	return k.Ready(ctx)
}

func (k *kubernetes) WaitPodsWelcome(context.Context) error { return nil }

func (k *kubernetes) Nodes(ctx context.Context) (states []kube.NodeState, err error) {
	return k.nodesOf(k.cluster), k.Ready(ctx)
}

func (k *kubernetes) WaitNodesReady(ctx context.Context, names []string) error {
	for {
		states, err := k.Nodes(ctx)
		missing := slices.Clone(names)
		for _, s := range states {
			if s.Ready {
				missing = slices.DeleteFunc(missing, func(n string) bool { return n == s.Name })
			}
		}
		if err == nil && len(missing) == 0 {
			return nil
		}
		if err := sleep(ctx, k.pause); err != nil {
			return fmt.Errorf("not Ready: %v: %w", missing, err)
		}
	}
}

func (k *kubernetes) Close() {}
