package identity

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/request"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

type credentialBody struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Description  string            `json:"description"`
	ProjectID    string            `json:"project_id"`
	UserID       string            `json:"user_id"`
	Roles        []roleRef         `json:"roles"`
	Unrestricted bool              `json:"unrestricted"`
	ExpiresAt    *string           `json:"expires_at"`
	System       *string           `json:"system"`
	Secret       string            `json:"secret,omitempty"` // in the answer to its creation alone
	Links        map[string]string `json:"links"`
}

// credentialTime is Keystone's form of a credential's times, which has no zone.
const credentialTime = "2006-01-02T15:04:05.000000"

func credentialOf(r *http.Request, c infra.ApplicationCredential) credentialBody {
	body := credentialBody{
		ID: c.ID, Name: c.Name, Description: c.Description, ProjectID: c.ProjectID, UserID: c.UserID,
		Roles: roleRefs(c.Roles), Unrestricted: c.Unrestricted,
		Links: map[string]string{"self": respond.BaseURL(r) + Prefix + "/v3/users/" + c.UserID + "/application_credentials/" + c.ID},
	}
	if !c.ExpiresAt.IsZero() {
		s := c.ExpiresAt.UTC().Format(credentialTime)
		body.ExpiresAt = &s
	}
	return body
}

// own answers for the caller's own application credentials only: nobody else
// is known here.
func (a *api) own(h func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := error(hanok.NotFound("user", hanok.Quote(r.PathValue("id"))))
		if r.PathValue("id") == auth.Token(r.Context()).UserID {
			err = h(w, r)
		}
		if err != nil {
			respond.Error(w, r, respond.Keystone, err)
		}
	}
}

// mayPassOn refuses the token of a restricted application credential, which
// could otherwise make itself an heir.
func mayPassOn(r *http.Request) error {
	if c := auth.Token(r.Context()).Credential; c != nil && !c.Unrestricted {
		return hanok.Errorf(hanok.KindForbidden, "the application credential %s is restricted: it may not make or delete application credentials", hanok.Quote(c.Name))
	}
	return nil
}

func (a *api) listCredentials(w http.ResponseWriter, r *http.Request) error {
	all, err := a.Credentials.ApplicationCredentials(r.Context(), auth.Token(r.Context()).UserID)
	if err != nil {
		return err
	}
	name := r.URL.Query().Get("name")
	list := []credentialBody{}
	for _, c := range all {
		if name == "" || name == c.Name {
			list = append(list, credentialOf(r, c))
		}
	}
	respond.JSON(w, http.StatusOK, map[string]any{"application_credentials": list, "links": links(r)})
	return nil
}

func (a *api) createCredential(w http.ResponseWriter, r *http.Request) error {
	if err := mayPassOn(r); err != nil {
		return err
	}
	t := auth.Token(r.Context())
	c, secret, err := readCredential(w, r)
	if err != nil {
		return err
	}
	c.UserID, c.ProjectID = t.UserID, t.ProjectID
	if len(c.Roles) == 0 {
		c.Roles = t.Roles
	}
	for _, role := range c.Roles {
		if !slices.Contains(t.Roles, role) { // not more than the token that asks
			return hanok.Errorf(hanok.KindForbidden, "application_credential.roles: your token has no role %s to pass on", role)
		}
	}
	made, secret, err := a.Credentials.CreateApplicationCredential(r.Context(), c, secret)
	if err != nil {
		return err
	}
	body := credentialOf(r, made)
	body.Secret = secret
	w.Header().Set("Cache-Control", "no-store")
	respond.JSON(w, http.StatusCreated, map[string]any{"application_credential": body})
	return nil
}

// readCredential reads what is wanted of a new application credential.
func readCredential(w http.ResponseWriter, r *http.Request) (c infra.ApplicationCredential, secret string, err error) {
	var body struct {
		Credential *struct {
			Name         *string           `json:"name"`
			Description  string            `json:"description"`
			Secret       *string           `json:"secret"`
			Roles        []roleRef         `json:"roles"`
			Unrestricted bool              `json:"unrestricted"`
			ExpiresAt    *string           `json:"expires_at"`
			AccessRules  []json.RawMessage `json:"access_rules"`
		} `json:"application_credential"`
	}
	if err := request.JSON(w, r, &body); err != nil {
		return c, "", err
	}
	const field = "application_credential"
	b := body.Credential
	switch {
	case b == nil:
		return c, "", hanok.Invalid(field, "is missing")
	case b.Name == nil:
		return c, "", hanok.Invalid(field+".name", "is missing")
	case b.Secret != nil && *b.Secret == "":
		return c, "", hanok.Invalid(field+".secret", "is empty; leave it out to have one made")
	case len(b.AccessRules) > 0:
		return c, "", hanok.NotImplemented(field+".access_rules", "are not offered; give the credential fewer roles instead")
	}
	c = infra.ApplicationCredential{Name: *b.Name, Description: b.Description, Unrestricted: b.Unrestricted}
	for _, role := range b.Roles {
		name := role.Name
		if name == "" {
			name = role.ID
		}
		if !knownRole(name) {
			return c, "", hanok.Invalid(field+".roles", "%s is not a role", hanok.Quote(name))
		}
		c.Roles = append(c.Roles, name)
	}
	if b.ExpiresAt != nil {
		if c.ExpiresAt, err = readTime(*b.ExpiresAt); err != nil {
			return c, "", hanok.Invalid(field+".expires_at", "%s is no time; write it as 2027-01-31T12:00:00", hanok.Quote(*b.ExpiresAt))
		}
	}
	if b.Secret != nil {
		secret = *b.Secret
	}
	return c, secret, nil
}

func knownRole(name string) bool {
	for _, n := range roleNames {
		if n.name == name {
			return true
		}
	}
	return false
}

// readTime reads a time with or without fraction and zone; without one it is
// in UTC.
func readTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04:05", s)
	}
	return t.UTC(), err
}

func (a *api) showCredential(w http.ResponseWriter, r *http.Request) error {
	c, err := a.Credentials.ApplicationCredential(r.Context(), auth.Token(r.Context()).UserID, r.PathValue("credential"))
	if err == nil {
		respond.JSON(w, http.StatusOK, map[string]any{"application_credential": credentialOf(r, c)})
	}
	return err
}

func (a *api) deleteCredential(w http.ResponseWriter, r *http.Request) error {
	if err := mayPassOn(r); err != nil {
		return err
	}
	err := a.Credentials.DeleteApplicationCredential(r.Context(), auth.Token(r.Context()).UserID, r.PathValue("credential"))
	if err == nil {
		respond.NoContent(w)
	}
	return err
}
