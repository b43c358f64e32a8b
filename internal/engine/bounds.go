package engine

import (
	"context"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/quota"
	"github.com/hanok/hanok/internal/store"
)

// SetBounds changes between how many nodes a group may scale itself: KindInvalid
// for a bound that the group's nodes lie beyond, and for a larger maximum than
// the quota. No machine is touched, so it is done at once, without an event; the
// statuses are those that clients wait for.
func (e *Engine) SetBounds(ctx context.Context, clusterUUID, group string, plan *admission.BoundsPlan) (g hanok.NodeGroup, err error) {
	err = e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		var c hanok.Cluster
		if c, g, err = openGroup(tx, clusterUUID, group, hanok.OpConfigureGroup); err != nil {
			return err
		}
		if plan.Min != nil {
			if *plan.Min > g.NodeCount {
				return hanok.Invalid("/min_node_count", "%d is more than the %d nodes that the group has", *plan.Min, g.NodeCount)
			}
			g.MinNodeCount = *plan.Min
		}
		if plan.Max != nil {
			if *plan.Max < g.NodeCount {
				return hanok.Invalid("/max_node_count", "%d is less than the %d nodes that the group has", *plan.Max, g.NodeCount)
			}
			if g.MaxNodeCount == nil || *plan.Max > *g.MaxNodeCount {
				if err := quota.CheckNodes(tx, c.ProjectID, "/max_node_count", *plan.Max); err != nil {
					return err
				}
			}
			g.MaxNodeCount = plan.Max
		}
		if g.MaxNodeCount != nil && g.MinNodeCount > *g.MaxNodeCount {
			return hanok.Invalid("/min_node_count", "%d would be more than max_node_count %d", g.MinNodeCount, *g.MaxNodeCount)
		}
		now := e.now()
		g.Status, g.StatusReason, g.UpdatedAt = hanok.UpdateComplete, "Stack UPDATE completed successfully", now
		if g, err = tx.PutNodeGroup(g); err != nil {
			return err
		}
		if !c.Status.InProgress() {
			c.Status, c.StatusReason = hanok.UpdateComplete, "Stack UPDATE completed successfully"
		}
		c.UpdatedAt = now
		return tx.PutCluster(c)
	})
	return g, err
}
