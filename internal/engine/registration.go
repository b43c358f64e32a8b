package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/store"
)

// Kubelet makes its Node object when it starts, and only then. One that
// somebody deletes while the machine runs stays away, and the node takes no
// pods: so kubelet alone is started again, by a number in its machine's desired
// state that becomes another. The node's containers run on.

const kindRegistration = "node-registration" // by the node's key

// registration is how often a node was asked to register again.
type registration struct {
	// Number is counted up by each time; a node without a document has 0.
	Number int
	// Tries are those in a row that did not help, At is when the last began.
	Tries int
	At    time.Time
}

// Pauses between two tries of a node that does not register, and how long a
// node that was asked to may be on its way.
const (
	registerPauseFirst   = 30 * time.Second
	registerPauseLongest = 30 * time.Minute
	registering          = 20 * time.Second
)

// next gives the registration to ask for now, unless the last one may still
// help. One that was followed by a long peace did: the tries begin anew.
func (r registration) next(now time.Time) (next registration, due bool) {
	pause := registerPauseFirst
	for n := 1; n < r.Tries && pause < registerPauseLongest; n++ {
		pause = min(2*pause, registerPauseLongest)
	}
	since := now.Sub(r.At)
	switch {
	case r.Number > 0 && since >= 0 && since < pause:
		return r, false
	case since < 0 || since > 2*pause: // or the clock was put back
		r.Tries = 0
	}
	return registration{Number: r.Number + 1, Tries: r.Tries + 1, At: now}, true
}

// readRegistration gives a node's registration, the zero value where it was
// never asked.
func readRegistration(tx store.Tx, nodeKey string) (registration, error) {
	r, err := readSpec[registration](tx, kindRegistration, nodeKey)
	return r, unlessNotFound(err)
}

// registerMissing has nodes register again that run and that Kubernetes does
// not have, in this look at their cluster and in the one before it. c is the
// cluster as it was read before this look.
func (e *Engine) registerMissing(ctx context.Context, c hanok.Cluster, nodes []hanok.Node, states []kube.NodeState, down []string) {
	for _, n := range nodes {
		missing := n.Role == hanok.RoleWorker && n.Status == hanok.NodeActive && n.UUID != "" && !slices.Contains(down, n.Name) && !hasNode(states, n.Name)
		before := c.HealthReason["api"] == "ok" && c.HealthReason[n.Name+".Ready"] == "Unknown"
		if !missing || !before {
			continue
		}
		if err := e.registerAgain(ctx, c, n); err != nil && ctx.Err() == nil {
			e.log.Error("cannot have a node register again", "node", n.Name, "cluster", n.ClusterUUID, "error", err)
		}
	}
}

func hasNode(states []kube.NodeState, name string) bool {
	return slices.ContainsFunc(states, func(s kube.NodeState) bool { return s.Name == name })
}

// registerAgain asks a node to register, unless an operation is at its group
// or has been since the cluster was read: those delete Node objects on purpose.
func (e *Engine) registerAgain(ctx context.Context, c hanok.Cluster, n hanok.Node) error {
	var asked registration
	due := false
	err := e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		due = false
		now, err := tx.Cluster(c.UUID)
		if err != nil || !hasHealth(now.Status) || !now.UpdatedAt.Equal(c.UpdatedAt) {
			return unlessNotFound(err)
		}
		busy, err := groupAtWork(tx, n)
		if err != nil || busy {
			return err
		}
		node, err := tx.NodeByKey(n.Key)
		if err != nil || node.Status != hanok.NodeActive {
			return unlessNotFound(err)
		}
		last, err := readRegistration(tx, n.Key)
		if err != nil {
			return err
		}
		if asked, due = last.next(e.now()); !due {
			return nil
		}
		return putSpec(tx, kindRegistration, n.Key, n.ProjectID, asked)
	})
	if err != nil || !due {
		return err
	}
	e.log.Warn("somebody deleted the Node object of a running node; its kubelet is started again to register it. Labels, annotations, taints and a cordon that users had put on it are gone with it",
		"node", n.Name, "machine", n.UUID, "cluster", n.ClusterUUID, "try", asked.Tries)
	e.cfg.Fleet.Changed(n.Key)
	return nil
}

// groupAtWork tells whether an operation is under way on a node's group, or on
// the whole cluster.
func groupAtWork(tx store.Tx, n hanok.Node) (bool, error) {
	unfinished, err := tx.UnfinishedEvents(n.ClusterUUID)
	return slices.ContainsFunc(unfinished, func(event hanok.Event) bool {
		return event.ResourceType == hanok.ResourceCluster || event.ResourceUUID == n.NodeGroupUUID
	}), err
}

// arrived returns an error while one of the nodes was asked to register a
// moment ago and has not: an operation that begins then would find nothing to
// cordon, and drain the node while pods come to it.
func (o *operation) arrived(ctx context.Context, client KubeClient, nodes []hanok.Node) error {
	var coming []hanok.Node
	err := o.view(ctx, func(tx store.Tx) error {
		coming = nil
		for _, n := range nodes {
			r, err := readRegistration(tx, n.Key)
			if err != nil {
				return err
			}
			if since := o.e.now().Sub(r.At); n.Status == hanok.NodeActive && since >= 0 && since < registering {
				coming = append(coming, n)
			}
		}
		return nil
	})
	if err != nil || len(coming) == 0 {
		return err
	}
	states, err := client.Nodes(ctx)
	for _, n := range coming {
		if err == nil && !hasNode(states, n.Name) {
			err = fmt.Errorf("%s is about to register", n.Name)
		}
	}
	return err
}
