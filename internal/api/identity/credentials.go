package identity

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/request"
	"github.com/hanok/hanok/internal/infra"
)

type authRequest struct {
	Auth *struct {
		Identity *struct {
			Methods  []string `json:"methods"`
			Password *struct {
				User *struct {
					ID       string  `json:"id"`
					Name     string  `json:"name"`
					Domain   *domain `json:"domain"`
					Password *string `json:"password"`
				} `json:"user"`
			} `json:"password"`
			Token *struct {
				ID string `json:"id"`
			} `json:"token"`
			Credential *struct {
				ID     string  `json:"id"`
				Name   string  `json:"name"`
				Secret *string `json:"secret"`
				User   *struct {
					ID     string  `json:"id"`
					Name   string  `json:"name"`
					Domain *domain `json:"domain"`
				} `json:"user"`
			} `json:"application_credential"`
		} `json:"identity"`
		Scope json.RawMessage `json:"scope"`
	} `json:"auth"`
}

type domain struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// either gives the id or the name: the one domain is known by both.
func (d *domain) either() string {
	if d == nil {
		return ""
	}
	if d.ID != "" {
		return d.ID
	}
	return d.Name
}

// readCredentials reads the body of POST /v3/auth/tokens.
func readCredentials(w http.ResponseWriter, r *http.Request) (infra.Credentials, error) {
	cred := infra.Credentials{RemoteAddr: r.RemoteAddr}
	var body authRequest
	if err := request.JSON(w, r, &body); err != nil {
		return cred, err
	}
	if body.Auth == nil || body.Auth.Identity == nil {
		return cred, hanok.Invalid("auth.identity", "is missing")
	}
	id := body.Auth.Identity
	if len(id.Methods) == 0 {
		return cred, hanok.Invalid("auth.identity.methods", "is missing; use [\"password\"], [\"token\"] or [\"application_credential\"]")
	}
	for _, m := range id.Methods {
		if !slices.Contains([]string{"password", "token", methodCredential}, m) {
			return cred, hanok.NotImplemented("auth.identity.methods", "%s is not offered; use \"password\", \"token\" or \"application_credential\"", hanok.Quote(m))
		}
	}
	if slices.Contains(id.Methods, methodCredential) {
		return body.readApplicationCredential(cred)
	}
	if slices.Contains(id.Methods, "password") {
		if id.Password == nil || id.Password.User == nil || id.Password.User.Password == nil {
			return cred, hanok.Invalid("auth.identity.password.user.password", "is missing")
		}
		u := id.Password.User
		if u.ID == "" && u.Name == "" {
			return cred, hanok.Invalid("auth.identity.password.user", "needs an id, or a name and a domain")
		}
		if u.ID == "" && u.Domain.either() == "" {
			return cred, hanok.Invalid("auth.identity.password.user.domain", "is missing: a user's name needs the domain, {\"id\":\"%s\"}", domainID)
		}
		cred.UserID, cred.UserName, cred.UserDomain, cred.Password = u.ID, u.Name, u.Domain.either(), *u.Password
	}
	if slices.Contains(id.Methods, "token") {
		if slices.Contains(id.Methods, "password") {
			return cred, hanok.NotImplemented("auth.identity.methods", "password and token together are not offered; use one of them")
		}
		if id.Token == nil || id.Token.ID == "" {
			return cred, hanok.Invalid("auth.identity.token.id", "is missing")
		}
		cred.TokenID = id.Token.ID
	}
	return cred, readScope(body.Auth.Scope, &cred)
}

const methodCredential = "application_credential"

// readApplicationCredential reads what names and opens an application
// credential: its id, or its name with the user.
func (body authRequest) readApplicationCredential(cred infra.Credentials) (infra.Credentials, error) {
	const field = "auth.identity.application_credential"
	c := body.Auth.Identity.Credential
	switch {
	case len(body.Auth.Identity.Methods) > 1:
		return cred, hanok.NotImplemented("auth.identity.methods", "%s together with another method is not offered", methodCredential)
	case c == nil || c.ID == "" && c.Name == "":
		return cred, hanok.Invalid(field, "needs an id, or a name and a user")
	case c.Secret == nil:
		return cred, hanok.Invalid(field+".secret", "is missing")
	case c.ID == "" && (c.User == nil || c.User.ID == "" && c.User.Name == ""):
		return cred, hanok.Invalid(field+".user", "is missing: a credential's name needs its user's id, or name and domain")
	case c.ID == "" && c.User.ID == "" && c.User.Domain.either() == "":
		return cred, hanok.Invalid(field+".user.domain", "is missing: a user's name needs the domain, {\"id\":\"%s\"}", domainID)
	}
	cred.CredentialID, cred.CredentialSecret = c.ID, *c.Secret
	if c.ID == "" {
		cred.CredentialName, cred.UserID, cred.UserName, cred.UserDomain = c.Name, c.User.ID, c.User.Name, c.User.Domain.either()
	}
	if scope := string(body.Auth.Scope); scope != "" && scope != "null" {
		return cred, hanok.Invalid("auth.scope", "must be left out: an application credential is for its own project")
	}
	return cred, nil
}

// readScope reads what the token is for. Every token is for a project: no
// scope, and the word "unscoped", mean the user's default project.
func readScope(raw json.RawMessage, cred *infra.Credentials) error {
	var word string
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	if json.Unmarshal(raw, &word) == nil {
		if word == "unscoped" {
			return nil
		}
		return hanok.Invalid("auth.scope", "must be an object with a project")
	}
	var scope struct {
		Project *struct {
			ID     string  `json:"id"`
			Name   string  `json:"name"`
			Domain *domain `json:"domain"`
		} `json:"project"`
		Unscoped json.RawMessage `json:"unscoped"`
		Domain   json.RawMessage `json:"domain"`
		System   json.RawMessage `json:"system"`
		Trust    json.RawMessage `json:"OS-TRUST:trust"`
	}
	if err := json.Unmarshal(raw, &scope); err != nil {
		return hanok.Invalid("auth.scope", "must be an object with a project")
	}
	for name, other := range map[string]json.RawMessage{"domain": scope.Domain, "system": scope.System, "OS-TRUST:trust": scope.Trust} {
		if other != nil {
			return hanok.NotImplemented("auth.scope."+name, "is not offered; scope the token to a project")
		}
	}
	switch p := scope.Project; {
	case p == nil && scope.Unscoped != nil:
		return nil
	case p == nil:
		return hanok.Invalid("auth.scope.project", "is missing")
	case p.ID == "" && p.Name == "":
		return hanok.Invalid("auth.scope.project", "needs an id, or a name and a domain")
	case p.ID == "" && p.Domain.either() == "":
		return hanok.Invalid("auth.scope.project.domain", "is missing: a project's name needs the domain, {\"id\":\"%s\"}", domainID)
	default:
		cred.ProjectID, cred.ProjectName, cred.ProjectDomain = p.ID, p.Name, p.Domain.either()
		return nil
	}
}
