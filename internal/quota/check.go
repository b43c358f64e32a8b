package quota

import (
	"fmt"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

// CheckCluster tells whether a project may have one cluster more:
// KindForbidden where it may not. Call it in the transaction that makes the
// cluster.
func CheckCluster(tx store.Tx, project string) error {
	q, err := Of(tx, project, Cluster)
	if err != nil {
		return err
	}
	have, err := tx.Clusters(project)
	if err != nil {
		return err
	}
	if len(have) < q.HardLimit {
		return nil
	}
	return hanok.Errorf(hanok.KindForbidden,
		"the project's clusters: %d, and its quota is %d; delete one, or ask an administrator for a larger quota of Cluster", len(have), q.HardLimit)
}

// CheckNodeGroup tells whether a cluster may have one worker group more:
// KindForbidden where it may not. Call it in the transaction that makes the
// group.
func CheckNodeGroup(tx store.Tx, c hanok.Cluster) error {
	q, err := Of(tx, c.ProjectID, NodeGroup)
	if err != nil {
		return err
	}
	have, err := tx.NodeGroups(c.UUID)
	if err != nil {
		return err
	}
	if len(have) < q.HardLimit {
		return nil
	}
	return hanok.Errorf(hanok.KindForbidden,
		"the cluster has %d node groups, and the project's quota is %d; delete one, or ask an administrator for a larger quota of NodeGroup", len(have), q.HardLimit)
}

// CheckNodes tells whether a worker group may grow to a number of nodes:
// KindInvalid beyond the guide's bound, KindForbidden beyond a quota that was
// set. field is the request's. Call it in the transaction that adds the nodes,
// and for what grows alone: whoever has more than a quota that was lowered may
// come nearer to it.
func CheckNodes(tx store.Tx, project, field string, count int) error {
	q, err := Of(tx, project, Node)
	switch {
	case err != nil || count <= q.HardLimit:
		return err
	case !q.IsSet():
		return hanok.Invalid(field, "%d is out of bounds; it must be 1 to %d", count, q.HardLimit)
	}
	return TooManyNodes(field, count, q.HardLimit)
}

// TooManyNodes is the refusal of more nodes in a group than the project's quota.
func TooManyNodes(field string, count, limit int) error {
	return &hanok.Error{Kind: hanok.KindForbidden, Field: field, Detail: fmt.Sprintf(
		"%d nodes are more than the project's quota of %d for one node group; ask an administrator for a larger quota of Node", count, limit)}
}
