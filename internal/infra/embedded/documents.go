package embedded

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

// The kinds of document. The body of each is the JSON of the Go type named
// beside it; TestStoredForm holds that form fast.
const (
	kindProject    = "project"                // infra.Project
	kindUser       = "user"                   // userRecord, encrypted
	kindAssignment = "role"                   // assignment, by user and project
	kindCredential = "application credential" // credentialRecord, encrypted
	kindFlavor     = "flavor"                 // infra.Flavor
	kindImage      = "image"                  // infra.Image
	kindNetwork    = "network"                // infra.Network
	kindSubnet     = "subnet"                 // infra.Subnet
	kindKeypair    = "keypair"                // infra.Keypair, by project, user and name
	kindVolumeType = "volume_type"            // infra.VolumeType
	kindZone       = "zone"                   // infra.Zone
)

// document makes the record of a value.
func document(kind, id, project, name string, created time.Time, v any) (store.Document, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return store.Document{}, fmt.Errorf("encode %s %s: %w", kind, id, err)
	}
	return store.Document{Kind: kind, ID: id, Project: project, Name: name, Body: body, CreatedAt: created}, nil
}

// put inserts or replaces a value's record.
func put(tx store.Tx, kind, id, project, name string, created time.Time, v any) error {
	d, err := document(kind, id, project, name, created, v)
	if err != nil {
		return err
	}
	return tx.PutDocument(d)
}

// get reads one value; what is not there is a hanok.KindNotFound error that
// names the resource and not the store's key.
func get[T any](tx store.Tx, kind, id, shownID string) (T, error) {
	var v T
	d, err := tx.Document(kind, id)
	if hanok.KindOf(err) == hanok.KindNotFound {
		return v, hanok.NotFound(kind, shownID)
	}
	if err != nil {
		return v, err
	}
	return decode[T](d)
}

// list reads the values of a kind, a project's alone unless project is "".
func list[T any](tx store.Tx, kind, project string) ([]T, error) {
	docs, err := tx.Documents(kind, project)
	if err != nil {
		return nil, err
	}
	values := make([]T, 0, len(docs))
	for _, d := range docs {
		v, err := decode[T](d)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

func decode[T any](d store.Document) (T, error) {
	var v T
	if err := json.Unmarshal(d.Body, &v); err != nil {
		return v, fmt.Errorf("decode %s %s of the store: %w", d.Kind, d.ID, err)
	}
	return v, nil
}
