package identity

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/hanok/hanok"
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
	if err := readBody(w, r, &body); err != nil {
		return cred, err
	}
	if body.Auth == nil || body.Auth.Identity == nil {
		return cred, hanok.Invalid("auth.identity", "is missing")
	}
	id := body.Auth.Identity
	if len(id.Methods) == 0 {
		return cred, hanok.Invalid("auth.identity.methods", "is missing; use [\"password\"] or [\"token\"]")
	}
	for _, m := range id.Methods {
		if m != "password" && m != "token" {
			return cred, hanok.NotImplemented("auth.identity.methods", "%q is not offered; use \"password\" or \"token\"", m)
		}
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
