package quota

import (
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
