package identity

import (
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

type project struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	DomainID    string            `json:"domain_id"`
	ParentID    string            `json:"parent_id"`
	Description string            `json:"description"`
	Enabled     bool              `json:"enabled"`
	IsDomain    bool              `json:"is_domain"`
	Tags        []string          `json:"tags"`
	Options     map[string]any    `json:"options"`
	Links       map[string]string `json:"links"`
}

func projectBody(r *http.Request, p infra.Project) project {
	return project{
		ID: p.ID, Name: p.Name, DomainID: domainID, ParentID: domainID, Enabled: p.Enabled,
		Tags: []string{}, Options: map[string]any{},
		Links: map[string]string{"self": respond.BaseURL(r) + Prefix + "/v3/projects/" + p.ID},
	}
}

// projectsOf lists the caller's projects.
func (a *api) projectsOf(r *http.Request) ([]infra.Project, error) {
	t := auth.Token(r.Context())
	if a.Projects == nil {
		return []infra.Project{{ID: t.ProjectID, Name: t.ProjectName, Enabled: true}}, nil
	}
	return a.Projects.Projects(r.Context(), t.UserID)
}

// listProjects is GET /v3/auth/projects, and /v3/projects for what the caller
// may see: the same.
func (a *api) listProjects(w http.ResponseWriter, r *http.Request) {
	all, err := a.projectsOf(r)
	if err != nil {
		respond.Error(w, r, respond.Keystone, err)
		return
	}
	q := r.URL.Query()
	list := []project{}
	for _, p := range all {
		if name := q.Get("name"); name != "" && name != p.Name {
			continue
		}
		if d := q.Get("domain_id"); d != "" && d != domainID {
			continue
		}
		list = append(list, projectBody(r, p))
	}
	respond.JSON(w, http.StatusOK, map[string]any{"projects": list, "links": links(r)})
}

// listUserProjects is GET /v3/users/{id}/projects for the caller alone.
func (a *api) listUserProjects(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("id") != auth.Token(r.Context()).UserID {
		respond.Error(w, r, respond.Keystone, hanok.Errorf(hanok.KindForbidden, "only a user's own projects can be listed"))
		return
	}
	a.listProjects(w, r)
}

// showProject is GET /v3/projects/{id}; a project in which the caller has no
// role is not found.
func (a *api) showProject(w http.ResponseWriter, r *http.Request) {
	all, err := a.projectsOf(r)
	if err != nil {
		respond.Error(w, r, respond.Keystone, err)
		return
	}
	for _, p := range all {
		if p.ID == r.PathValue("id") {
			respond.JSON(w, http.StatusOK, map[string]any{"project": projectBody(r, p)})
			return
		}
	}
	respond.Error(w, r, respond.Keystone, hanok.NotFound("project", r.PathValue("id")))
}

// tenants is GET /v2.0/tenants.
func (a *api) tenants(w http.ResponseWriter, r *http.Request) {
	all, err := a.projectsOf(r)
	if err != nil {
		respond.Error(w, r, respond.Keystone, err)
		return
	}
	list := []tenant{}
	for _, p := range all {
		list = append(list, tenant{ID: p.ID, Name: p.Name, Enabled: p.Enabled})
	}
	respond.JSON(w, http.StatusOK, map[string]any{"tenants": list, "tenants_links": []any{}})
}
