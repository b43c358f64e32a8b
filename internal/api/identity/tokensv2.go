package identity

import (
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/request"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

type authRequestV2 struct {
	Auth *struct {
		TenantID    string `json:"tenantId"`
		TenantName  string `json:"tenantName"`
		Credentials *struct {
			UserID   string  `json:"userId"`
			Username string  `json:"username"`
			Password *string `json:"password"`
		} `json:"passwordCredentials"`
		Token *struct {
			ID string `json:"id"`
		} `json:"token"`
	} `json:"auth"`
}

type accessBody struct {
	Access access `json:"access"`
}

type access struct {
	Token          tokenV2          `json:"token"`
	ServiceCatalog []catalogEntryV2 `json:"serviceCatalog"`
	User           userV2           `json:"user"`
	Metadata       metadataV2       `json:"metadata"`
}

type tokenV2 struct {
	ID       string   `json:"id"`
	Expires  string   `json:"expires"`
	IssuedAt string   `json:"issued_at"`
	Tenant   tenant   `json:"tenant"`
	AuditIDs []string `json:"audit_ids"`
}

type tenant struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Enabled     bool   `json:"enabled"`
	Description string `json:"description"`
}

type userV2 struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Username string    `json:"username"`
	Roles    []roleRef `json:"roles"`
	Links    []any     `json:"roles_links"`
}

type metadataV2 struct {
	IsAdmin int      `json:"is_admin"`
	Roles   []string `json:"roles"`
}

// createTokenV2 is POST /v2.0/tokens.
func (a *api) createTokenV2(w http.ResponseWriter, r *http.Request) {
	cred, err := readCredentialsV2(w, r)
	if err != nil {
		respond.Error(w, r, respond.Keystone, err)
		return
	}
	t, err := a.Identity.Authenticate(r.Context(), cred)
	if err != nil {
		respond.Error(w, r, respond.Keystone, err)
		return
	}
	respond.SetCaller(r.Context(), t.UserID, t.ProjectID)
	admin := 0
	if auth.IsAdmin(t) {
		admin = 1
	}
	w.Header().Set("Cache-Control", "no-store")
	respond.JSON(w, http.StatusOK, accessBody{access{
		Token: tokenV2{
			ID: t.ID, Expires: timeV2(t.ExpiresAt), IssuedAt: timeV3(t.IssuedAt),
			Tenant: tenant{ID: t.ProjectID, Name: t.ProjectName, Enabled: true}, AuditIDs: []string{auditID(t.ID)},
		},
		ServiceCatalog: a.catalogV2(r, t.ProjectID),
		User:           userV2{ID: t.UserID, Name: t.UserName, Username: t.UserName, Roles: roleRefs(t.Roles), Links: []any{}},
		Metadata:       metadataV2{IsAdmin: admin, Roles: t.Roles},
	}})
}

func readCredentialsV2(w http.ResponseWriter, r *http.Request) (infra.Credentials, error) {
	cred := infra.Credentials{RemoteAddr: r.RemoteAddr}
	var body authRequestV2
	if err := request.JSON(w, r, &body); err != nil {
		return cred, err
	}
	if body.Auth == nil {
		return cred, hanok.Invalid("auth", "is missing")
	}
	cred.ProjectID, cred.ProjectName = body.Auth.TenantID, body.Auth.TenantName
	switch p, t := body.Auth.Credentials, body.Auth.Token; {
	case p != nil && t != nil:
		return cred, hanok.Invalid("auth", "has both passwordCredentials and token; give one of them")
	case p != nil && p.Password == nil:
		return cred, hanok.Invalid("auth.passwordCredentials.password", "is missing")
	case p != nil && p.UserID == "" && p.Username == "":
		return cred, hanok.Invalid("auth.passwordCredentials.username", "is missing")
	case p != nil:
		cred.UserID, cred.UserName, cred.Password = p.UserID, p.Username, *p.Password
	case t == nil || t.ID == "":
		return cred, hanok.Invalid("auth.passwordCredentials", "is missing")
	default:
		cred.TokenID = t.ID
	}
	return cred, nil
}
