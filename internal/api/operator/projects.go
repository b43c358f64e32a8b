package operator

import (
	"context"
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/quota"
	"github.com/hanok/hanok/internal/store"
)

// Project is a project as operators see it.
type Project struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
}

func (o operator) listProjects(w http.ResponseWriter, r *http.Request) error {
	all, err := o.accounts.AllProjects(r.Context())
	if err != nil {
		return err
	}
	list := []Project{}
	for _, p := range all {
		list = append(list, Project(p))
	}
	respond.JSON(w, http.StatusOK, list)
	return nil
}

func (o operator) createProject(w http.ResponseWriter, r *http.Request) error {
	var body Project
	if err := read(r, &body); err != nil {
		return err
	}
	p, err := o.accounts.CreateProject(r.Context(), body.Name)
	if err == nil {
		respond.JSON(w, http.StatusCreated, Project(p))
	}
	return err
}

func (o operator) deleteProject(w http.ResponseWriter, r *http.Request) error {
	p, err := o.project(r.Context(), r.PathValue("project"))
	if err != nil {
		return err
	}
	if err := o.accounts.DeleteProject(r.Context(), p.ID); err != nil {
		return err
	}
	err = o.store.Update(r.Context(), func(tx store.Tx) error { return quota.Forget(tx, p.ID) })
	if err == nil {
		respond.NoContent(w)
	}
	return err
}

// project finds a project by id or name.
func (o operator) project(ctx context.Context, idOrName string) (infra.Project, error) {
	all, err := o.accounts.AllProjects(ctx)
	if err != nil {
		return infra.Project{}, err
	}
	for _, p := range all {
		if p.ID == idOrName || p.Name == idOrName {
			return p, nil
		}
	}
	return infra.Project{}, hanok.NotFound("project", idOrName)
}
