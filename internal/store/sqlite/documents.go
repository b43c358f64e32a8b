package sqlite

import (
	"fmt"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

func documentRecord(kind, id string) string { return fmt.Sprintf("document %q %q", kind, id) }

func (t *tx) scanDocument(r row) (d store.Document, err error) {
	err = r.Scan(&d.Kind, &d.ID, &d.Project, &d.Name, &d.Body, &d.Secret, micros{&d.CreatedAt})
	if err == nil && d.Secret {
		d.Body, err = t.seal.open(d.Body, documentRecord(d.Kind, d.ID))
	}
	return d, err
}

const documentColumns = `kind, id, project, name, body, secret, created_at`

func (t *tx) Documents(kind, project string) ([]store.Document, error) {
	return many(t, t.scanDocument, "documents", `SELECT `+documentColumns+` FROM documents
		WHERE kind = ?1 AND (?2 = '' OR project = ?2) ORDER BY seq`, kind, project)
}

func (t *tx) Document(kind, id string) (store.Document, error) {
	return one(t, t.scanDocument, kind, id,
		`SELECT `+documentColumns+` FROM documents WHERE kind = ? AND id = ?`, kind, id)
}

func (t *tx) PutDocument(d store.Document) error {
	body := d.Body
	if body == nil {
		body = []byte{}
	}
	if d.Secret {
		var err error
		if body, err = t.seal.seal(d.Body, documentRecord(d.Kind, d.ID)); err != nil {
			return err
		}
	}
	_, err := t.exec(documentRecord(d.Kind, d.ID), `INSERT INTO documents (`+documentColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (kind, id) DO UPDATE SET
			project = excluded.project, name = excluded.name, body = excluded.body,
			secret = excluded.secret, created_at = excluded.created_at`,
		d.Kind, d.ID, d.Project, d.Name, body, d.Secret, toMicros(d.CreatedAt))
	return err
}

func (t *tx) DeleteDocument(kind, id string) error {
	n, err := t.exec(documentRecord(kind, id), `DELETE FROM documents WHERE kind = ? AND id = ?`, kind, id)
	if err == nil && n == 0 {
		err = hanok.NotFound(kind, id)
	}
	return err
}
