package operator

import (
	"net/http"
	"time"

	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/quota"
	"github.com/hanok/hanok/internal/store"
)

// Quota is a project's limit as operators see it.
type Quota struct {
	Project   string `json:"project"` // id
	Name      string `json:"project_name"`
	Resource  string `json:"resource"`
	HardLimit int    `json:"hard_limit"`
	Default   bool   `json:"default"` // none is set
}

// listQuotas lists the limits that hold, of the project that the query names
// or of all.
func (o operator) listQuotas(w http.ResponseWriter, r *http.Request) error {
	projects, err := o.accounts.AllProjects(r.Context())
	if name := r.URL.Query().Get("project"); err == nil && name != "" {
		var p infra.Project
		p, err = o.project(r.Context(), name)
		projects = []infra.Project{p}
	}
	if err != nil {
		return err
	}
	var list []Quota
	err = o.store.View(r.Context(), func(tx store.Tx) error {
		list = []Quota{}
		for _, p := range projects {
			for _, resource := range quota.Resources() {
				q, err := quota.Of(tx, p.ID, resource)
				if err != nil {
					return err
				}
				list = append(list, quotaOf(p, q))
			}
		}
		return nil
	})
	if err == nil {
		respond.JSON(w, http.StatusOK, list)
	}
	return err
}

func quotaOf(p infra.Project, q quota.Quota) Quota {
	return Quota{Project: p.ID, Name: p.Name, Resource: string(q.Resource), HardLimit: q.HardLimit, Default: !q.IsSet()}
}

// named reads which quota a path means.
func (o operator) named(r *http.Request) (infra.Project, quota.Resource, error) {
	p, err := o.project(r.Context(), r.PathValue("project"))
	if err != nil {
		return p, "", err
	}
	resource, err := quota.ReadResource(r.PathValue("resource"))
	return p, resource, err
}

func (o operator) setQuota(w http.ResponseWriter, r *http.Request) error {
	p, resource, err := o.named(r)
	if err != nil {
		return err
	}
	var body Quota
	if err := read(r, &body); err != nil {
		return err
	}
	var q quota.Quota
	err = o.store.Update(r.Context(), func(tx store.Tx) (err error) {
		q, err = quota.Set(tx, p.ID, resource, body.HardLimit, time.Now())
		return err
	})
	if err == nil {
		respond.JSON(w, http.StatusOK, quotaOf(p, q))
	}
	return err
}

func (o operator) deleteQuota(w http.ResponseWriter, r *http.Request) error {
	p, resource, err := o.named(r)
	if err != nil {
		return err
	}
	err = o.store.Update(r.Context(), func(tx store.Tx) error { return quota.Delete(tx, p.ID, resource) })
	if err == nil {
		respond.NoContent(w)
	}
	return err
}
