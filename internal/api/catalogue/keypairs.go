package catalogue

import (
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/request"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

func (a *api) listKeypairs(w http.ResponseWriter, r *http.Request) error {
	all, err := a.Catalogue.Keypairs(r.Context(), project(r), auth.Token(r.Context()).UserID)
	if err != nil {
		return err
	}
	items := make([]object, 0, len(all))
	for _, k := range all {
		items = append(items, keypairObject(k))
	}
	p, err := listing{id: "name"}.apply(r.URL.Query(), items, keypairObject(infra.Keypair{}))
	if err != nil {
		return err
	}
	wrapped := make([]object, 0, len(p.items))
	for _, k := range p.items {
		wrapped = append(wrapped, object{"keypair": k})
	}
	respond.JSON(w, http.StatusOK, object{"keypairs": wrapped})
	return nil
}

func (a *api) createKeypair(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Keypair *struct {
			Name      *string `json:"name"`
			PublicKey *string `json:"public_key"`
			Type      *string `json:"type"`
			UserID    *string `json:"user_id"`
		} `json:"keypair"`
	}
	if err := request.JSON(w, r, &body); err != nil {
		return err
	}
	t := auth.Token(r.Context())
	k := body.Keypair
	switch {
	case k == nil:
		return hanok.Invalid("keypair", "is missing")
	case k.Name == nil:
		return hanok.Invalid("keypair.name", "is missing")
	case k.Type != nil && *k.Type != "ssh":
		return hanok.NotImplemented("keypair.type", "%q is not offered; use \"ssh\"", *k.Type)
	case k.UserID != nil && *k.UserID != t.UserID:
		return hanok.Errorf(hanok.KindForbidden, "keypair.user_id: key pairs are made for oneself only")
	case k.PublicKey != nil && *k.PublicKey == "":
		return hanok.Invalid("keypair.public_key", "is empty; leave the field out to have a key pair made")
	}
	public := ""
	if k.PublicKey != nil {
		public = *k.PublicKey
	}
	made, private, err := a.Catalogue.CreateKeypair(r.Context(), t.ProjectID, t.UserID, *k.Name, public)
	if err != nil {
		return err
	}
	o := keypairObject(made)
	if private != nil {
		w.Header().Set("Cache-Control", "no-store")
		o["private_key"] = string(private)
	}
	respond.JSON(w, http.StatusOK, object{"keypair": o})
	return nil
}

func (a *api) showKeypair(w http.ResponseWriter, r *http.Request) error {
	k, err := a.Catalogue.Keypair(r.Context(), project(r), auth.Token(r.Context()).UserID, r.PathValue("name"))
	if err != nil {
		return err
	}
	o := keypairObject(k)
	o["created_at"], o["updated_at"], o["deleted"], o["deleted_at"] = k.CreatedAt.UTC().Format(novaMicros), nil, false, nil
	respond.JSON(w, http.StatusOK, object{"keypair": o})
	return nil
}

// deleteKeypair answers 202, as Nova does without a microversion.
func (a *api) deleteKeypair(w http.ResponseWriter, r *http.Request) error {
	err := a.Catalogue.DeleteKeypair(r.Context(), project(r), auth.Token(r.Context()).UserID, r.PathValue("name"))
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// novaMicros is how Nova writes times outside of a resource's core.
const novaMicros = "2006-01-02T15:04:05.000000"

func keypairObject(k infra.Keypair) object {
	return object{
		"name": k.Name, "public_key": k.PublicKey, "fingerprint": k.Fingerprint, "type": "ssh", "user_id": k.UserID,
	}
}
