package identity

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

// The one domain that there is.
const (
	domainID   = "default"
	domainName = "Default"
)

type tokenBody struct {
	Token tokenV3 `json:"token"`
}

type tokenV3 struct {
	Methods   []string       `json:"methods"`
	User      userRef        `json:"user"`
	AuditIDs  []string       `json:"audit_ids"`
	ExpiresAt string         `json:"expires_at"`
	IssuedAt  string         `json:"issued_at"`
	Project   projectRef     `json:"project"`
	IsDomain  bool           `json:"is_domain"`
	Roles     []roleRef      `json:"roles"`
	Catalog   []catalogEntry `json:"catalog,omitempty"`
	// Credential tells how far the token's application credential goes.
	Credential *tokenCredential `json:"application_credential,omitempty"`
}

type tokenCredential struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Restricted bool   `json:"restricted"`
}

type domainRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type userRef struct {
	ID                string    `json:"id"`
	Name              string    `json:"name"`
	Domain            domainRef `json:"domain"`
	PasswordExpiresAt *string   `json:"password_expires_at"`
}

type projectRef struct {
	ID     string    `json:"id"`
	Name   string    `json:"name"`
	Domain domainRef `json:"domain"`
}

type roleRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// createToken is POST /v3/auth/tokens.
func (a *api) createToken(w http.ResponseWriter, r *http.Request) {
	cred, err := readCredentials(w, r)
	if err != nil {
		respond.Error(w, r, respond.Keystone, err)
		return
	}
	token, err := a.Identity.Authenticate(r.Context(), cred)
	if err != nil {
		respond.Error(w, r, respond.Keystone, err)
		return
	}
	respond.SetCaller(r.Context(), token.UserID, token.ProjectID)
	a.writeToken(w, r, http.StatusCreated, token)
}

// showToken is GET and HEAD /v3/auth/tokens: what X-Subject-Token stands for.
func (a *api) showToken(w http.ResponseWriter, r *http.Request) {
	subject, err := subjectToken(r)
	if err != nil {
		respond.Error(w, r, respond.Keystone, err)
		return
	}
	token, err := a.Identity.Validate(r.Context(), subject)
	if hanok.KindOf(err) == hanok.KindUnauthorized {
		// 401 would say that the caller's own token is bad.
		err = &hanok.Error{Kind: hanok.KindNotFound, Detail: "the token in X-Subject-Token is unknown, has expired or was revoked", Err: err}
	}
	if err != nil {
		respond.Error(w, r, respond.Keystone, err)
		return
	}
	a.writeToken(w, r, http.StatusOK, token)
}

// revokeToken is DELETE /v3/auth/tokens.
func (a *api) revokeToken(w http.ResponseWriter, r *http.Request) {
	subject, err := subjectToken(r)
	if err == nil {
		err = a.Identity.Revoke(r.Context(), subject)
	}
	if err != nil {
		respond.Error(w, r, respond.Keystone, err)
		return
	}
	respond.NoContent(w)
}

func subjectToken(r *http.Request) (string, error) {
	if t := r.Header.Get("X-Subject-Token"); t != "" {
		return t, nil
	}
	return "", hanok.Invalid("X-Subject-Token", "the header is missing; it names the token that the request is about")
}

func (a *api) writeToken(w http.ResponseWriter, r *http.Request, status int, t infra.Token) {
	domain := domainRef{ID: domainID, Name: domainName}
	body := tokenV3{
		Methods:   t.Methods,
		User:      userRef{ID: t.UserID, Name: t.UserName, Domain: domain},
		AuditIDs:  []string{auditID(t.ID)},
		ExpiresAt: timeV3(t.ExpiresAt),
		IssuedAt:  timeV3(t.IssuedAt),
		Project:   projectRef{ID: t.ProjectID, Name: t.ProjectName, Domain: domain},
		Roles:     roleRefs(t.Roles),
	}
	if c := t.Credential; c != nil {
		body.Credential = &tokenCredential{ID: c.ID, Name: c.Name, Restricted: !c.Unrestricted}
	}
	if !r.URL.Query().Has("nocatalog") {
		body.Catalog = a.catalog(r, t.ProjectID)
	}
	w.Header().Set("X-Subject-Token", t.ID)
	w.Header().Set("Vary", "X-Auth-Token")
	w.Header().Set("Cache-Control", "no-store")
	respond.JSON(w, status, tokenBody{Token: body})
}

// auditID names a token in logs without giving it away.
func auditID(secret string) string {
	sum := sha256.Sum256([]byte("audit id of " + secret))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// roleRefs gives the roles with ids: names are unique, and so serve as both.
func roleRefs(roles []string) []roleRef {
	refs := make([]roleRef, 0, len(roles))
	for _, name := range roles {
		refs = append(refs, roleRef{ID: name, Name: name})
	}
	return refs
}

// showUser is GET /v3/users/{id} for the caller alone.
func (a *api) showUser(w http.ResponseWriter, r *http.Request) {
	t := auth.Token(r.Context())
	if r.PathValue("id") != t.UserID {
		respond.Error(w, r, respond.Keystone, hanok.NotFound("user", r.PathValue("id")))
		return
	}
	respond.JSON(w, http.StatusOK, map[string]any{"user": map[string]any{
		"id": t.UserID, "name": t.UserName, "domain_id": domainID, "enabled": true,
		"default_project_id": nil, "password_expires_at": nil, "options": map[string]any{},
		"links": map[string]string{"self": respond.BaseURL(r) + Prefix + "/v3/users/" + t.UserID},
	}})
}
