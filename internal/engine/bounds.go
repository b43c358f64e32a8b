package engine

import (
	"context"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/store"
)

// SetBounds changes between how many nodes a group may scale itself. No
// machine is touched, so it is done at once, without an event; the statuses
// are those that clients wait for.
func (e *Engine) SetBounds(ctx context.Context, clusterUUID, group string, plan *admission.BoundsPlan) (g hanok.NodeGroup, err error) {
	err = e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		var c hanok.Cluster
		if c, g, err = openGroup(tx, clusterUUID, group, hanok.OpConfigureGroup); err != nil {
			return err
		}
		if plan.Min != nil {
			g.MinNodeCount = *plan.Min
		}
		if plan.Max != nil {
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
