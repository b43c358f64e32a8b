package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

// groupInput is what an operation on a node group was asked to do. It is
// decided with the request, in one transaction with the lock, so that every
// run of the steps does the same.
type groupInput struct {
	// Add are the keys of the nodes to be made, Nodes of those to be taken
	// out, stopped or started, in that order.
	Add   []string `json:"add,omitempty"`
	Nodes []string `json:"nodes,omitempty"`
	// Parallel is how many nodes are renewed at a time; Flavor is the id of
	// the flavor that they get.
	Parallel int    `json:"parallel,omitempty"`
	Flavor   string `json:"flavor,omitempty"`
	// Mend is set when the group's operation before this one failed.
	Mend bool `json:"mend,omitempty"`
	// Note is what the event says once the operation has succeeded: which
	// nodes were chosen, where the request left the choice.
	Note string `json:"note,omitempty"`
}

func readInput(event hanok.Event) (groupInput, error) {
	var in groupInput
	if len(event.Input) == 0 {
		return in, nil
	}
	if err := json.Unmarshal(event.Input, &in); err != nil {
		return in, fmt.Errorf("read the input of event %s: %w", event.UUID, err)
	}
	return in, nil
}

// openGroup reads a group and its cluster for an operation, and tells whether
// both take it now.
func openGroup(tx store.Tx, clusterUUID, group string, op hanok.GroupOperation) (hanok.Cluster, hanok.NodeGroup, error) {
	c, err := openCluster(tx, clusterUUID)
	if err != nil {
		return c, hanok.NodeGroup{}, err
	}
	g, err := tx.NodeGroup(clusterUUID, group)
	if err != nil {
		return c, g, err
	}
	if err := hanok.AllowGroup(op, g.Name, g.Status); err != nil {
		return c, g, err
	}
	if g.Autoscaled() && op != hanok.OpDeleteGroup && op != hanok.OpConfigureGroup {
		return c, g, hanok.Errorf(hanok.KindConflict, "node group %s scales itself, cannot %s: switch its autoscaler off first", g.Name, op)
	}
	return c, g, nil
}

// openCluster reads a cluster whose groups are to change. An operation on the
// cluster as a whole keeps every group's out.
func openCluster(tx store.Tx, clusterUUID string) (hanok.Cluster, error) {
	c, err := tx.Cluster(clusterUUID)
	if err != nil {
		return c, err
	}
	if err := hanok.Allow(hanok.OpChangeGroups, c.Status); err != nil {
		return c, err
	}
	unfinished, err := tx.UnfinishedEvents(clusterUUID)
	if err != nil {
		return c, err
	}
	for _, event := range unfinished {
		if event.ResourceType == hanok.ResourceCluster {
			return c, hanok.Errorf(hanok.KindConflict, "an operation on the whole cluster is running (%s): wait until it ends", event.Type)
		}
	}
	return c, nil
}

// beginGroup locks a group by its status, shows the cluster as being updated,
// writes the event and enqueues it.
func (e *Engine) beginGroup(tx store.Tx, c hanok.Cluster, g hanok.NodeGroup, t hanok.EventType, status hanok.Status, in groupInput) (hanok.NodeGroup, error) {
	now := e.now()
	in.Mend = g.Status == hanok.UpdateFailed
	input, err := json.Marshal(in)
	if err != nil {
		return g, fmt.Errorf("write the input of %s: %w", t, err)
	}
	g.Status, g.StatusReason = status, ""
	if status != hanok.CreateInProgress {
		g.UpdatedAt = now
	}
	if g, err = tx.PutNodeGroup(g); err != nil {
		return g, err
	}
	if !c.Status.InProgress() {
		// While operations run, a reason says that one of them has failed.
		c.StatusReason = ""
	}
	c.Status, c.UpdatedAt = hanok.UpdateInProgress, now
	if err := tx.PutCluster(c); err != nil {
		return g, err
	}
	event, err := tx.InsertEvent(hanok.Event{
		UUID: uuid.NewString(), ProjectID: c.ProjectID, ClusterUUID: c.UUID, ClusterName: c.Name,
		ResourceUUID: g.UUID, ResourceName: g.Name, ResourceType: hanok.ResourceNodeGroup,
		Type: t, State: hanok.EventInProgress, Input: input,
		CreatedAt: now, UpdatedAt: now, Deadline: now.Add(e.cfg.Settings.UpdateTimeout),
	})
	if err != nil {
		return g, err
	}
	return g, tx.Enqueue(event.ID)
}

// settleCluster shows a cluster as updated when an operation on one of its
// groups has ended and no other is running. A failure of any of those that
// ran together is the cluster's.
func settleCluster(tx store.Tx, event hanok.Event, failure string, now time.Time) error {
	c, err := tx.Cluster(event.ClusterUUID)
	if err != nil {
		return err
	}
	unfinished, err := tx.UnfinishedEvents(c.UUID)
	if err != nil {
		return err
	}
	running := 0
	for _, other := range unfinished {
		if other.ID != event.ID {
			running++
		}
	}
	if failure != "" {
		c.StatusReason = failure
	}
	c.UpdatedAt = now
	switch {
	case running > 0:
	case c.StatusReason != "":
		c.Status = hanok.UpdateFailed
	default:
		c.Status, c.StatusReason = hanok.UpdateComplete, "Stack UPDATE completed successfully"
	}
	nodes, err := tx.Nodes(c.UUID)
	if err != nil {
		return err
	}
	c.HealthReason = forgetNodes(c.HealthReason, nodes)
	return tx.PutCluster(c)
}

// finishGroup ends an operation on a group well: in one transaction the
// group's count is the number of its nodes, and the cluster is updated.
func (o *operation) finishGroup(ctx context.Context) error {
	in, err := readInput(o.event)
	if err != nil {
		return err
	}
	if err := o.mendAgain(ctx, in); err != nil {
		return err
	}
	added, err := o.added(ctx)
	if err != nil {
		return err
	}
	joined := added
	if o.event.Type == hanok.NodesStart || o.event.Type == hanok.NodeGroupFlavor {
		if joined, err = o.given(ctx); err != nil {
			return err
		}
	}
	scripts := o.scriptTrouble(ctx, added)
	return o.update(ctx, func(tx store.Tx, event *hanok.Event) error {
		event.State, event.Contents, event.Step = hanok.EventSuccess, joinNonEmpty(in.Note, scripts), "finish"
		status, reason := hanok.UpdateComplete, "Stack UPDATE completed successfully"
		if event.Type == hanok.NodeGroupCreate {
			status, reason = hanok.CreateComplete, "Stack CREATE completed successfully"
		}
		if err := settleGroup(tx, *event, status, joinNonEmpty(reason, scripts), o.e.now()); err != nil {
			return err
		}
		if err := settleCluster(tx, *event, "", o.e.now()); err != nil {
			return err
		}
		return noteReady(tx, event.ClusterUUID, joined)
	})
}

// noteReady shows nodes as Ready that Kubernetes had so a moment ago: the
// next look at the cluster's health is seconds away.
func noteReady(tx store.Tx, clusterUUID string, joined []hanok.Node) error {
	c, err := tx.Cluster(clusterUUID)
	if err != nil {
		return err
	}
	if c.HealthReason == nil {
		c.HealthReason = map[string]string{"api": "ok"}
	}
	for _, n := range joined {
		c.HealthReason[n.Name+".Ready"] = "True"
	}
	c.HealthStatus = statusOf(c.HealthReason)
	return tx.PutCluster(c)
}

// settleGroup sets the status of an operation's group, and its count to what
// it has.
func settleGroup(tx store.Tx, event hanok.Event, status hanok.Status, reason string, now time.Time) error {
	g, err := tx.NodeGroup(event.ClusterUUID, event.ResourceUUID)
	if err != nil {
		return err
	}
	nodes, err := groupNodes(tx, g)
	if err != nil {
		return err
	}
	g.NodeCount, g.Status, g.StatusReason, g.UpdatedAt = len(nodes), status, reason, now
	_, err = tx.PutNodeGroup(g)
	return err
}

// groupNodes gives the nodes of a group, oldest first.
func groupNodes(tx store.Tx, g hanok.NodeGroup) (nodes []hanok.Node, err error) {
	all, err := tx.Nodes(g.ClusterUUID)
	for _, n := range all {
		if n.NodeGroupUUID == g.UUID {
			nodes = append(nodes, n)
		}
	}
	return nodes, err
}

// named gives the operation's nodes that still have a record, in the order
// of keys.
func (o *operation) named(ctx context.Context, keys []string) (nodes []hanok.Node, err error) {
	err = o.view(ctx, func(tx store.Tx) error {
		nodes = nil
		for _, key := range keys {
			n, err := tx.NodeByKey(key)
			if hanok.KindOf(err) == hanok.KindNotFound {
				continue
			}
			if err != nil {
				return err
			}
			nodes = append(nodes, n)
		}
		return nil
	})
	return nodes, err
}

// added gives the nodes that the operation is to make.
func (o *operation) added(ctx context.Context) ([]hanok.Node, error) {
	in, err := readInput(o.event)
	if err != nil {
		return nil, err
	}
	return o.named(ctx, in.Add)
}
