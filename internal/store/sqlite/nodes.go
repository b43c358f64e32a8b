package sqlite

import "github.com/hanok/hanok"

const nodeColumns = `key, uuid, cluster_uuid, node_group_uuid, project_id, role, name, flavor_id, image_id,
	port_id, address, pod_cidr, status, version, created_at, updated_at`

func scanNode(r row) (n hanok.Node, err error) {
	err = r.Scan(&n.Key, &n.UUID, &n.ClusterUUID, &n.NodeGroupUUID, &n.ProjectID, &n.Role, &n.Name, &n.FlavorID, &n.ImageID,
		&n.PortID, &n.Address, &n.PodCIDR, &n.Status, &n.Version, micros{&n.CreatedAt}, micros{&n.UpdatedAt})
	return n, err
}

func (t *tx) Nodes(clusterUUID string) ([]hanok.Node, error) {
	return many(t, scanNode, "nodes", `SELECT `+nodeColumns+` FROM nodes WHERE cluster_uuid = ? ORDER BY seq`, clusterUUID)
}

func (t *tx) WorkerAddresses(clusterUUID, groupUUID string) ([]string, error) {
	return many(t, scanText, "addresses of nodes", `SELECT address FROM nodes
		WHERE cluster_uuid = ?1 AND role = ?2 AND address <> '' AND (?3 = '' OR node_group_uuid = ?3) ORDER BY seq`,
		clusterUUID, hanok.RoleWorker, groupUUID)
}

func scanText(r row) (s string, err error) {
	err = r.Scan(&s)
	return s, err
}

func (t *tx) AllNodes(project string) ([]hanok.Node, error) {
	return many(t, scanNode, "nodes", `SELECT `+nodeColumns+` FROM nodes WHERE ?1 = '' OR project_id = ?1 ORDER BY seq`, project)
}

func (t *tx) NodeByKey(key string) (hanok.Node, error) {
	return one(t, scanNode, "node", key, `SELECT `+nodeColumns+` FROM nodes WHERE key = ?`, key)
}

func (t *tx) PutNode(n hanok.Node) error {
	_, err := t.exec("node "+n.Key, `INSERT INTO nodes (`+nodeColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET
			uuid = excluded.uuid, cluster_uuid = excluded.cluster_uuid, node_group_uuid = excluded.node_group_uuid,
			project_id = excluded.project_id, role = excluded.role, name = excluded.name,
			flavor_id = excluded.flavor_id, image_id = excluded.image_id, port_id = excluded.port_id,
			address = excluded.address, pod_cidr = excluded.pod_cidr, status = excluded.status, version = excluded.version,
			created_at = excluded.created_at, updated_at = excluded.updated_at`,
		n.Key, n.UUID, n.ClusterUUID, n.NodeGroupUUID, n.ProjectID, n.Role, n.Name, n.FlavorID, n.ImageID,
		n.PortID, n.Address, n.PodCIDR, string(n.Status), n.Version, toMicros(n.CreatedAt), toMicros(n.UpdatedAt))
	return err
}

func (t *tx) DeleteNode(key string) error {
	n, err := t.exec("node "+key, `DELETE FROM nodes WHERE key = ?`, key)
	if err == nil && n == 0 {
		err = hanok.NotFound("node", key)
	}
	return err
}
