package sqlite

import (
	"fmt"

	"github.com/hanok/hanok"
)

func secretRecord(clusterUUID, name string) string {
	return fmt.Sprintf("secret %q of cluster %q", name, clusterUUID)
}

func scanSealed(r row) (sealed []byte, err error) {
	err = r.Scan(&sealed)
	return sealed, err
}

func (t *tx) Secret(clusterUUID, name string) ([]byte, error) {
	sealed, err := one(t, scanSealed, "secret", name, `SELECT value FROM secrets WHERE cluster_uuid = ? AND name = ?`, clusterUUID, name)
	if err != nil {
		return nil, err
	}
	return t.seal.open(sealed, secretRecord(clusterUUID, name))
}

func (t *tx) PutSecret(clusterUUID, name string, value []byte) error {
	sealed, err := t.seal.seal(value, secretRecord(clusterUUID, name))
	if err != nil {
		return err
	}
	_, err = t.exec(secretRecord(clusterUUID, name), `INSERT INTO secrets (cluster_uuid, name, value) VALUES (?, ?, ?)
		ON CONFLICT (cluster_uuid, name) DO UPDATE SET value = excluded.value`, clusterUUID, name, sealed)
	return err
}

func (t *tx) DeleteSecret(clusterUUID, name string) error {
	n, err := t.exec(secretRecord(clusterUUID, name), `DELETE FROM secrets WHERE cluster_uuid = ? AND name = ?`, clusterUUID, name)
	if err == nil && n == 0 {
		err = hanok.NotFound("secret", name)
	}
	return err
}
