package magnum

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/quota"
	"github.com/hanok/hanok/internal/store"
)

// quotaBody is Magnum's form of a quota. The times are null where the default
// holds because none was set.
type quotaBody struct {
	ID        string  `json:"id"`
	ProjectID string  `json:"project_id"`
	Resource  string  `json:"resource"`
	HardLimit int     `json:"hard_limit"`
	CreatedAt *string `json:"created_at"`
	UpdatedAt *string `json:"updated_at"`
}

func quotaOf(q quota.Quota) quotaBody {
	return quotaBody{q.ID(), q.ProjectID, string(q.Resource), q.HardLimit, timestamp(q.CreatedAt), timestamp(q.UpdatedAt)}
}

var quotaKeys = sortKeys[quota.Quota]{
	"uuid":       quota.Quota.ID, // what a marker names
	"project_id": func(q quota.Quota) string { return q.ProjectID },
	"resource":   func(q quota.Quota) string { return string(q.Resource) },
	"created_at": func(q quota.Quota) string { return q.CreatedAt.UTC().Format(time.RFC3339) },
	"updated_at": func(q quota.Quota) string { return q.UpdatedAt.UTC().Format(time.RFC3339) },
}

// listQuotas gives the limits that hold for the caller's project, or, to an
// administrator who asks for all tenants, every quota that was set.
func (a *api) listQuotas(w http.ResponseWriter, r *http.Request) error {
	p, err := readPage(r)
	if err != nil {
		return err
	}
	t := auth.Token(r.Context())
	every := false
	if v := r.URL.Query().Get("all_tenants"); v != "" {
		if every, err = strconv.ParseBool(v); err != nil {
			return hanok.Invalid("all_tenants", "%s must be true or false", hanok.Quote(v))
		}
	}
	if every && !auth.IsAdmin(t) {
		return hanok.Errorf(hanok.KindForbidden, "all_tenants: only an administrator sees the quotas of other projects")
	}
	var all []quota.Quota
	err = a.Store.View(r.Context(), func(tx store.Tx) error {
		if every {
			all, err = quota.List(tx, "")
			return err
		}
		all = nil
		for _, resource := range quota.Resources() {
			q, err := quota.Of(tx, t.ProjectID, resource)
			if err != nil {
				return err
			}
			all = append(all, q)
		}
		return nil
	})
	if err != nil {
		return err
	}
	entries, next, err := paginate(p, all, quotaKeys)
	if err != nil {
		return err
	}
	body := struct {
		Quotas []quotaBody `json:"quotas"`
		Next   string      `json:"next,omitempty"`
	}{Quotas: []quotaBody{}, Next: next}
	for _, q := range entries {
		body.Quotas = append(body.Quotas, quotaOf(q))
	}
	respond.JSON(w, http.StatusOK, body)
	return nil
}

// quotaPath reads which quota a path names. Another project's is not found
// but by an administrator.
func quotaPath(r *http.Request) (project string, resource quota.Resource, err error) {
	project = r.PathValue("project")
	if t := auth.Token(r.Context()); project != t.ProjectID && !auth.IsAdmin(t) {
		return "", "", hanok.NotFound("project", hanok.Quote(project))
	}
	resource, err = quota.ReadResource(r.PathValue("resource"))
	return project, resource, err
}

// onlyAdmin refuses whoever is no administrator.
func onlyAdmin(r *http.Request) error {
	if auth.IsAdmin(auth.Token(r.Context())) {
		return nil
	}
	return hanok.Errorf(hanok.KindForbidden, "quotas are set by administrators; your roles do not allow it")
}

func (a *api) getQuota(w http.ResponseWriter, r *http.Request) error {
	project, resource, err := quotaPath(r)
	if err != nil {
		return err
	}
	if err := a.knownProject(r.Context(), project); err != nil {
		return err
	}
	var q quota.Quota
	err = a.Store.View(r.Context(), func(tx store.Tx) error {
		q, err = quota.Of(tx, project, resource)
		return err
	})
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusOK, quotaOf(q))
	return nil
}

// createQuota sets a quota that is not set yet.
func (a *api) createQuota(w http.ResponseWriter, r *http.Request) error {
	if err := onlyAdmin(r); err != nil {
		return err
	}
	raw, err := readBody(w, r)
	if err != nil {
		return err
	}
	want, err := admission.ReadQuota(raw, "", "")
	if err != nil {
		return err
	}
	if err := a.knownProject(r.Context(), want.ProjectID); err != nil {
		return err
	}
	return a.setQuota(w, r, http.StatusCreated, want, func(q quota.Quota) error {
		if q.IsSet() {
			return hanok.Errorf(hanok.KindConflict, "project %s has a quota of %s already; change it with PATCH", q.ProjectID, q.Resource)
		}
		return nil
	})
}

// updateQuota changes a quota that was set.
func (a *api) updateQuota(w http.ResponseWriter, r *http.Request) error {
	project, resource, err := quotaPath(r)
	if err != nil {
		return err
	}
	if err := onlyAdmin(r); err != nil {
		return err
	}
	raw, err := readBody(w, r)
	if err != nil {
		return err
	}
	want, err := admission.ReadQuota(raw, project, resource)
	if err != nil {
		return err
	}
	return a.setQuota(w, r, http.StatusAccepted, want, func(q quota.Quota) error {
		if !q.IsSet() {
			return hanok.Errorf(hanok.KindNotFound, "project %s has no quota of %s; make one with POST", q.ProjectID, q.Resource)
		}
		return nil
	})
}

// setQuota sets a quota where check allows it, in one transaction.
func (a *api) setQuota(w http.ResponseWriter, r *http.Request, status int, want quota.Quota, check func(quota.Quota) error) error {
	var q quota.Quota
	err := a.Store.Update(r.Context(), func(tx store.Tx) error {
		old, err := quota.Of(tx, want.ProjectID, want.Resource)
		if err != nil {
			return err
		}
		if err := check(old); err != nil {
			return err
		}
		q, err = quota.Set(tx, want.ProjectID, want.Resource, want.HardLimit, time.Now())
		return err
	})
	if err != nil {
		return err
	}
	respond.JSON(w, status, quotaOf(q))
	return nil
}

func (a *api) deleteQuota(w http.ResponseWriter, r *http.Request) error {
	project, resource, err := quotaPath(r)
	if err != nil {
		return err
	}
	if err := onlyAdmin(r); err != nil {
		return err
	}
	err = a.Store.Update(r.Context(), func(tx store.Tx) error { return quota.Delete(tx, project, resource) })
	if err == nil {
		respond.NoContent(w)
	}
	return err
}

// knownProject refuses a project that is not there, where the identity
// service can tell.
func (a *api) knownProject(ctx context.Context, id string) error {
	if a.Projects == nil {
		return nil
	}
	_, err := a.Projects.Project(ctx, id)
	return err
}
