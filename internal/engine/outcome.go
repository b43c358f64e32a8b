package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

// reason says why the operation failed and what to do next.
func (o *operation) reason(err error) string {
	reason := err.Error()
	if errors.Is(err, errDeadline) {
		limit := o.event.Deadline.Sub(o.event.CreatedAt).Round(time.Second)
		reason = fmt.Sprintf("not done after %v; it was at %s", limit, o.at())
	}
	switch o.event.Type {
	case hanok.ClusterCreate:
		return reason + ". Delete the cluster, and create it again once the cause is gone"
	case hanok.ClusterDelete:
		return reason + ". Delete the cluster again once the cause is gone"
	case hanok.NodeGroupCreate:
		return reason + ". Delete the node group, and create it again once the cause is gone"
	case hanok.NodeGroupDelete:
		return reason + ". Delete the node group again once the cause is gone"
	}
	return reason
}

func (o *operation) at() string {
	_, contents := o.progress.now()
	return contents
}

// fail ends the event and sets the failed statuses.
func (o *operation) fail(ctx context.Context, reason string) error {
	if o.event.ResourceType == hanok.ResourceNodeGroup {
		return o.failGroup(ctx, reason)
	}
	status := hanok.CreateFailed
	if o.event.Type == hanok.ClusterDelete {
		status = hanok.DeleteFailed
	}
	return o.update(ctx, func(tx store.Tx, event *hanok.Event) error {
		event.State, event.Contents = hanok.EventFail, reason
		return setStatus(tx, o.event.ClusterUUID, status, reason, o.e.now())
	})
}

// failGroup ends the event of an operation on a group and sets the failed
// statuses, of its cluster too.
func (o *operation) failGroup(ctx context.Context, reason string) error {
	status := hanok.UpdateFailed
	switch o.event.Type {
	case hanok.NodeGroupCreate:
		status = hanok.CreateFailed
	case hanok.NodeGroupDelete:
		status = hanok.DeleteFailed
	}
	return o.update(ctx, func(tx store.Tx, event *hanok.Event) error {
		event.State, event.Contents = hanok.EventFail, reason
		if err := settleGroup(tx, *event, status, reason, o.e.now()); err != nil {
			return err
		}
		return settleCluster(tx, *event, event.ResourceName+": "+reason, o.e.now())
	})
}

// setStatus sets the status of a cluster and of all its groups.
func setStatus(tx store.Tx, clusterUUID string, status hanok.Status, reason string, now time.Time) error {
	c, err := tx.Cluster(clusterUUID)
	if err != nil {
		return err
	}
	c.Status, c.StatusReason, c.UpdatedAt = status, reason, now
	if err := tx.PutCluster(c); err != nil {
		return err
	}
	groups, err := tx.NodeGroups(clusterUUID)
	if err != nil {
		return err
	}
	for _, g := range groups {
		g.Status, g.StatusReason, g.UpdatedAt = status, reason, now
		if _, err := tx.PutNodeGroup(g); err != nil {
			return err
		}
	}
	return nil
}

func (o *operation) ended(state hanok.EventState, reason string) {
	took := o.e.now().Sub(o.event.CreatedAt)
	o.e.metrics.end(o.event.Type, state, took)
	if state == hanok.EventFail {
		o.log.Error("operation failed", "took", took, "reason", reason)
		return
	}
	o.log.Info("operation done", "took", took)
}
