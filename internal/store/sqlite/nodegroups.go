package sqlite

import "github.com/hanok/hanok"

const groupColumns = `uuid, cluster_uuid, project_id, name, role, is_default, flavor_id, image_id, keypair,
	node_count, min_node_count, max_node_count, labels, version, stack_id, status, status_reason, created_at, updated_at`

func scanGroup(r row) (g hanok.NodeGroup, err error) {
	err = r.Scan(&g.ID, &g.UUID, &g.ClusterUUID, &g.ProjectID, &g.Name, &g.Role, &g.IsDefault, &g.FlavorID, &g.ImageID, &g.Keypair,
		&g.NodeCount, &g.MinNodeCount, &g.MaxNodeCount, stringMap{&g.Labels}, &g.Version, &g.StackID, &g.Status, &g.StatusReason,
		micros{&g.CreatedAt}, micros{&g.UpdatedAt})
	return g, err
}

func (t *tx) NodeGroups(clusterUUID string) ([]hanok.NodeGroup, error) {
	return many(t, scanGroup, "node groups",
		`SELECT id, `+groupColumns+` FROM node_groups WHERE cluster_uuid = ? ORDER BY id`, clusterUUID)
}

func (t *tx) NodeGroup(clusterUUID, uuidOrName string) (hanok.NodeGroup, error) {
	return one(t, scanGroup, "node group", uuidOrName,
		`SELECT id, `+groupColumns+` FROM node_groups WHERE cluster_uuid = ?1 AND (uuid = ?2 OR name = ?2)
		 ORDER BY uuid = ?2 DESC LIMIT 1`, clusterUUID, uuidOrName)
}

func (t *tx) WorkerCount(clusterUUID string) (int, error) {
	return one(t, scanCount, "node groups of cluster", clusterUUID,
		`SELECT coalesce(sum(node_count), 0) FROM node_groups WHERE cluster_uuid = ? AND role <> ?`, clusterUUID, hanok.RoleMaster)
}

func scanCount(r row) (n int, err error) {
	err = r.Scan(&n)
	return n, err
}

func (t *tx) PutNodeGroup(g hanok.NodeGroup) (hanok.NodeGroup, error) {
	_, err := t.exec("node group "+g.UUID, `INSERT INTO node_groups (`+groupColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (uuid) DO UPDATE SET
			name = excluded.name, role = excluded.role, is_default = excluded.is_default,
			flavor_id = excluded.flavor_id, image_id = excluded.image_id, keypair = excluded.keypair,
			node_count = excluded.node_count, min_node_count = excluded.min_node_count,
			max_node_count = excluded.max_node_count, labels = excluded.labels, version = excluded.version,
			stack_id = excluded.stack_id, status = excluded.status, status_reason = excluded.status_reason,
			created_at = excluded.created_at, updated_at = excluded.updated_at`,
		g.UUID, g.ClusterUUID, g.ProjectID, g.Name, g.Role, g.IsDefault, g.FlavorID, g.ImageID, g.Keypair,
		g.NodeCount, g.MinNodeCount, g.MaxNodeCount, toJSON(g.Labels), g.Version, g.StackID, string(g.Status), g.StatusReason,
		toMicros(g.CreatedAt), toMicros(g.UpdatedAt))
	if err != nil {
		return g, err
	}
	return t.NodeGroup(g.ClusterUUID, g.UUID)
}

func (t *tx) DeleteNodeGroup(uuid string) error {
	if _, err := t.exec("nodes of group "+uuid, `DELETE FROM nodes WHERE node_group_uuid = ? AND ?1 <> ''`, uuid); err != nil {
		return err
	}
	n, err := t.exec("node group "+uuid, `DELETE FROM node_groups WHERE uuid = ?`, uuid)
	if err == nil && n == 0 {
		err = hanok.NotFound("node group", uuid)
	}
	return err
}
