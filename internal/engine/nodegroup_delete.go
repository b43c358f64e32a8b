package engine

import (
	"context"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

// DeleteNodeGroup begins to delete a node group. It wins over the group's own
// operations: a running one ends as FAIL, superseded. A group that is being
// deleted already is success; the last worker group is KindInvalid.
func (e *Engine) DeleteNodeGroup(ctx context.Context, clusterUUID, group string) error {
	var superseded []int64
	err := e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		superseded = nil
		c, g, err := openGroup(tx, clusterUUID, group, hanok.OpDeleteGroup)
		if err != nil {
			return err
		}
		unfinished, err := tx.UnfinishedEvents(clusterUUID)
		if err != nil {
			return err
		}
		for _, event := range unfinished {
			if event.ResourceUUID == g.UUID && event.Type == hanok.NodeGroupDelete {
				return nil
			}
		}
		if err := checkNotLast(tx, g); err != nil {
			return err
		}
		for _, event := range unfinished {
			if event.ResourceUUID != g.UUID {
				continue
			}
			event.Epoch++ // its worker writes nothing more
			event.State, event.Contents, event.UpdatedAt = hanok.EventFail, errSuperseded.Error(), e.now()
			if err := tx.UpdateEvent(event); err != nil {
				return err
			}
			superseded = append(superseded, event.ID)
		}
		nodes, err := groupNodes(tx, g)
		if err != nil {
			return err
		}
		_, err = e.beginGroup(tx, c, g, hanok.NodeGroupDelete, hanok.DeleteInProgress, groupInput{Nodes: keysOf(nodes)})
		return err
	})
	if err != nil {
		return err
	}
	e.stop(superseded, errSuperseded)
	return nil
}

// checkNotLast keeps a cluster from losing its last worker group that was made
// and that nobody has tried to delete.
func checkNotLast(tx store.Tx, g hanok.NodeGroup) error {
	groups, err := tx.NodeGroups(g.ClusterUUID)
	if err != nil {
		return err
	}
	for _, other := range groups {
		if other.UUID == g.UUID || other.Role != hanok.RoleWorker {
			continue
		}
		switch other.Status {
		case hanok.DeleteInProgress, hanok.DeleteFailed, hanok.CreateFailed:
		default:
			return nil
		}
	}
	return hanok.Errorf(hanok.KindInvalid, "node group %s is the last worker group of the cluster that is in order: create another one first, or delete the cluster", g.Name)
}

// groupDeleteSteps unmake a group; its workload moves to the others.
var groupDeleteSteps = []step{
	{name: "halt", title: "stopping what runs", run: (*operation).awaitHalted},
	{name: "cordon", title: "cordoning nodes", after: []string{"halt"}, run: (*operation).cordonLeaving},
	{name: "remove", title: "removing nodes", after: []string{"cordon"}, run: (*operation).removeLeaving},
	dnsStep("remove"),
	{name: "finish", title: "finishing", after: []string{"dns"}, run: (*operation).finishGroupDelete},
}

// finishGroupDelete removes the record of the group; its events stay.
func (o *operation) finishGroupDelete(ctx context.Context) error {
	return o.update(ctx, func(tx store.Tx, event *hanok.Event) error {
		event.State, event.Contents, event.Step = hanok.EventSuccess, "", "finish"
		if err := unlessNotFound(tx.DeleteDocument(kindGroupSpec, event.ResourceUUID)); err != nil {
			return err
		}
		if err := unlessNotFound(tx.DeleteNodeGroup(event.ResourceUUID)); err != nil {
			return err
		}
		return settleCluster(tx, *event, "", o.e.now())
	})
}
