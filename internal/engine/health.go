package engine

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/store"
)

// Bounds of one round of looks at the clusters.
const (
	healthAtOnce  = 4
	healthTimeout = 5 * time.Second
)

// watchHealth looks at every cluster in turn until ctx ends, and keeps in the
// records what it sees.
func (e *Engine) watchHealth(ctx context.Context) {
	for {
		if err := sleep(ctx, e.cfg.Settings.HealthInterval); err != nil {
			return
		}
		if err := e.lookAtAll(ctx); err != nil && ctx.Err() == nil {
			e.log.Warn("cannot look at the clusters' health", "error", err)
		}
	}
}

func (e *Engine) lookAtAll(ctx context.Context) error {
	var clusters []hanok.Cluster
	err := e.cfg.Store.View(ctx, func(tx store.Tx) (err error) {
		clusters, err = tx.Clusters("")
		return err
	})
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(healthAtOnce)
	for _, c := range clusters {
		if !hasHealth(c.Status) {
			continue
		}
		g.Go(func() error {
			if err := e.lookAt(ctx, c); err != nil && ctx.Err() == nil {
				e.log.Warn("cannot look at a cluster's health", "cluster", c.UUID, "error", err)
			}
			return nil
		})
	}
	err = g.Wait()
	e.countHealth(ctx)
	return err
}

// hasHealth tells whether a cluster in this status should be serving.
func hasHealth(s hanok.Status) bool {
	switch s {
	case hanok.CreateComplete, hanok.UpdateInProgress, hanok.UpdateComplete, hanok.UpdateFailed:
		return true
	}
	return false
}

// lookAt looks at one cluster, as it was read before, starts what should run
// and does not, has nodes register that Kubernetes lost, and records what
// changed.
func (e *Engine) lookAt(ctx context.Context, c hanok.Cluster) error {
	var nodes []hanok.Node
	err := e.cfg.Store.View(ctx, func(tx store.Tx) (err error) {
		nodes, err = tx.Nodes(c.UUID)
		return err
	})
	if err != nil {
		return err
	}
	down := e.startStopped(ctx, nodes)

	ask, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	var states []kube.NodeState
	client, apiErr := e.client(ask, c.UUID)
	if apiErr == nil {
		apiErr = client.Ready(ask)
	}
	if apiErr == nil {
		states, apiErr = client.Nodes(ask)
	}
	for i := range states {
		// Kubernetes waits for most of a minute before it believes that a node is gone.
		states[i].Ready = states[i].Ready && !slices.Contains(down, states[i].Name)
	}
	if ctx.Err() != nil {
		return nil // the service ends; that says nothing of the cluster
	}
	if apiErr == nil {
		e.registerMissing(ctx, c, nodes, states, down)
	}
	status, reason := healthOf(nodes, states, apiErr)
	if c.HealthStatus == status && maps.Equal(c.HealthReason, reason) {
		return nil
	}
	return e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		now, err := tx.Cluster(c.UUID)
		if err != nil || !hasHealth(now.Status) {
			return unlessNotFound(err)
		}
		if !now.UpdatedAt.Equal(c.UpdatedAt) {
			return nil // an operation has ended or begun since, and knows better
		}
		if now.HealthStatus != status {
			e.log.Info("cluster's health changed", "cluster", c.UUID, "name", c.Name, "from", now.HealthStatus, "to", status)
		}
		now.HealthStatus, now.HealthReason = status, reason
		return tx.PutCluster(now)
	})
}

// healthOf gives a cluster's health as the guide shows it:
// {"<node>.Ready":"True","api":"ok"}.
func healthOf(nodes []hanok.Node, states []kube.NodeState, apiErr error) (hanok.HealthStatus, map[string]string) {
	reason := map[string]string{"api": "ok"}
	status := hanok.Healthy
	if apiErr != nil {
		reason["api"] = apiErr.Error()
		status = hanok.Unhealthy
	}
	said := map[string]kube.NodeState{}
	for _, s := range states {
		said[s.Name] = s
	}
	for _, n := range nodes {
		if n.Role != hanok.RoleWorker || n.Status == hanok.NodeShutoff || halfMade(n) {
			continue
		}
		ready := "True"
		switch s, ok := said[n.Name]; {
		case !ok:
			ready = "Unknown"
		case !s.Ready:
			ready = "False"
		}
		if ready != "True" {
			status = hanok.Unhealthy
		}
		reason[n.Name+".Ready"] = ready
	}
	return status, reason
}

// statusOf reads a health by its reason.
func statusOf(reason map[string]string) hanok.HealthStatus {
	for name, value := range reason {
		if (name == "api" && value != "ok") || (strings.HasSuffix(name, ".Ready") && value != "True") {
			return hanok.Unhealthy
		}
	}
	return hanok.Healthy
}

// forgetNodes drops from a health what it says of nodes that are no more.
func forgetNodes(reason map[string]string, nodes []hanok.Node) map[string]string {
	kept := map[string]string{}
	for name, value := range reason {
		node, isNode := strings.CutSuffix(name, ".Ready")
		if !isNode || slices.ContainsFunc(nodes, func(n hanok.Node) bool { return n.Name == node && n.Status != hanok.NodeShutoff }) {
			kept[name] = value
		}
	}
	return kept
}

// startStopped starts machines that ended although nobody stopped them, and
// gives the names of the nodes whose machine does not run.
func (e *Engine) startStopped(ctx context.Context, nodes []hanok.Node) (down []string) {
	for _, n := range nodes {
		if n.UUID == "" || n.Status != hanok.NodeActive {
			continue
		}
		m, err := e.cfg.Driver.Machine(ctx, n.UUID)
		if hanok.KindOf(err) == hanok.KindNotFound || err == nil && m.Status != infra.MachineActive {
			down = append(down, n.Name)
		}
		if err != nil || m.Status != infra.MachineShutoff {
			continue
		}
		// An operation may have stopped it since, or at this very moment: then
		// it is off again a moment later.
		if stopped, err := e.isStopped(ctx, n.Key); err != nil || stopped {
			continue
		}
		e.log.Warn("a machine ended by itself; starting it", "machine", n.UUID, "name", n.Name, "cluster", n.ClusterUUID)
		if err := e.cfg.Driver.StartMachine(ctx, n.UUID); err != nil && ctx.Err() == nil {
			e.log.Error("cannot start a machine", "machine", n.UUID, "name", n.Name, "error", err)
		}
		if stopped, err := e.isStopped(ctx, n.Key); err == nil && stopped {
			if err := e.cfg.Driver.StopMachine(ctx, n.UUID); unlessNotFound(err) != nil && ctx.Err() == nil {
				e.log.Error("cannot stop a machine", "machine", n.UUID, "name", n.Name, "error", err)
			}
		}
	}
	return down
}

// isStopped tells whether a node's machine is not meant to run, by its record.
func (e *Engine) isStopped(ctx context.Context, key string) (bool, error) {
	var n hanok.Node
	err := e.cfg.Store.View(ctx, func(tx store.Tx) (err error) {
		n, err = tx.NodeByKey(key)
		return err
	})
	if hanok.KindOf(err) == hanok.KindNotFound {
		return true, nil
	}
	return n.Status != hanok.NodeActive, err
}

func (e *Engine) countHealth(ctx context.Context) {
	var clusters []hanok.Cluster
	err := e.cfg.Store.View(ctx, func(tx store.Tx) (err error) {
		clusters, err = tx.Clusters("")
		return err
	})
	if err != nil {
		return
	}
	counts := map[hanok.HealthStatus]int{hanok.Healthy: 0, hanok.Unhealthy: 0, hanok.Unknown: 0}
	for _, c := range clusters {
		status := c.HealthStatus
		if status == "" {
			status = hanok.Unknown
		}
		counts[status]++
	}
	for status, n := range counts {
		e.metrics.health.WithLabelValues(string(status)).Set(float64(n))
	}
}
