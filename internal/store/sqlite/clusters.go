package sqlite

import (
	"github.com/hanok/hanok"
)

const clusterColumns = `uuid, name, project_id, user_id, keypair, flavor_id, fixed_network, fixed_subnet,
	create_timeout, discovery_url, master_count, labels, version, stack_id, status, status_reason,
	api_address, health_status, health_reason, created_at, updated_at`

func scanCluster(r row) (c hanok.Cluster, err error) {
	err = r.Scan(&c.UUID, &c.Name, &c.ProjectID, &c.UserID, &c.Keypair, &c.FlavorID, &c.FixedNetwork, &c.FixedSubnet,
		&c.CreateTimeout, &c.DiscoveryURL, &c.MasterCount, stringMap{&c.Labels}, &c.Version, &c.StackID, &c.Status, &c.StatusReason,
		&c.APIAddress, &c.HealthStatus, stringMap{&c.HealthReason}, micros{&c.CreatedAt}, micros{&c.UpdatedAt})
	return c, err
}

func (t *tx) Clusters(project string) ([]hanok.Cluster, error) {
	return many(t, scanCluster, "clusters",
		`SELECT `+clusterColumns+` FROM clusters WHERE ?1 = '' OR project_id = ?1 ORDER BY seq`, project)
}

func (t *tx) Cluster(uuid string) (hanok.Cluster, error) {
	return one(t, scanCluster, "cluster", uuid,
		`SELECT `+clusterColumns+` FROM clusters WHERE uuid = ?`, uuid)
}

func (t *tx) ClustersByName(project, name string) ([]hanok.Cluster, error) {
	return many(t, scanCluster, "clusters",
		`SELECT `+clusterColumns+` FROM clusters WHERE project_id = ? AND name = ? ORDER BY seq`, project, name)
}

func (t *tx) PutCluster(c hanok.Cluster) error {
	_, err := t.exec("cluster "+c.UUID, `INSERT INTO clusters (`+clusterColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (uuid) DO UPDATE SET
			name = excluded.name, project_id = excluded.project_id, user_id = excluded.user_id,
			keypair = excluded.keypair, flavor_id = excluded.flavor_id,
			fixed_network = excluded.fixed_network, fixed_subnet = excluded.fixed_subnet,
			create_timeout = excluded.create_timeout, discovery_url = excluded.discovery_url,
			master_count = excluded.master_count, labels = excluded.labels, version = excluded.version,
			stack_id = excluded.stack_id, status = excluded.status, status_reason = excluded.status_reason,
			api_address = excluded.api_address, health_status = excluded.health_status,
			health_reason = excluded.health_reason, created_at = excluded.created_at, updated_at = excluded.updated_at`,
		c.UUID, c.Name, c.ProjectID, c.UserID, c.Keypair, c.FlavorID, c.FixedNetwork, c.FixedSubnet,
		c.CreateTimeout, c.DiscoveryURL, c.MasterCount, toJSON(c.Labels), c.Version, c.StackID, string(c.Status), c.StatusReason,
		c.APIAddress, string(c.HealthStatus), toJSON(c.HealthReason), toMicros(c.CreatedAt), toMicros(c.UpdatedAt))
	return err
}

func (t *tx) DeleteCluster(uuid string) error {
	if _, err := t.exec("secrets of cluster "+uuid, `DELETE FROM secrets WHERE cluster_uuid = ? AND ?1 <> ''`, uuid); err != nil {
		return err
	}
	// Groups and nodes go with it by their foreign keys.
	n, err := t.exec("cluster "+uuid, `DELETE FROM clusters WHERE uuid = ?`, uuid)
	if err == nil && n == 0 {
		err = hanok.NotFound("cluster", uuid)
	}
	return err
}
