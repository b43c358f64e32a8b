package identity

import (
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

// role is one of the fixed roles; its name is its id.
type role struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	DomainID    *string           `json:"domain_id"`
	Description string            `json:"description"`
	Options     map[string]any    `json:"options"`
	Links       map[string]string `json:"links"`
}

// roleNames lists the roles with what each may do.
var roleNames = []struct{ name, may string }{
	{infra.RoleAdmin, "what a member may, and set the quotas of every project"},
	{infra.RoleMember, "make, change and delete what belongs to the project"},
	{infra.RoleReader, "look at what belongs to the project, but not at what opens it"},
}

func roleBodies(r *http.Request) []role {
	var all []role
	for _, n := range roleNames {
		all = append(all, role{
			ID: n.name, Name: n.name, Description: n.may, Options: map[string]any{},
			Links: map[string]string{"self": respond.BaseURL(r) + Prefix + "/v3/roles/" + n.name},
		})
	}
	return all
}

func (a *api) listRoles(w http.ResponseWriter, r *http.Request) {
	list := []role{}
	name := r.URL.Query().Get("name")
	for _, one := range roleBodies(r) {
		if name == "" || name == one.Name {
			list = append(list, one)
		}
	}
	respond.JSON(w, http.StatusOK, map[string]any{"roles": list, "links": links(r)})
}

func (a *api) showRole(w http.ResponseWriter, r *http.Request) {
	for _, one := range roleBodies(r) {
		if one.ID == r.PathValue("id") {
			respond.JSON(w, http.StatusOK, map[string]any{"role": one})
			return
		}
	}
	respond.Error(w, r, respond.Keystone, hanok.NotFound("role", hanok.Quote(r.PathValue("id"))))
}
