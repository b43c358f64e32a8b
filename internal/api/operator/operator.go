// Package operator answers the commands of whoever runs the service: projects,
// users, and how the installation is. It asks for no token: it is served on a
// socket that root alone may open, and never on a network.
package operator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/embedded"
	"github.com/hanok/hanok/internal/quota"
	"github.com/hanok/hanok/internal/store"
)

// SocketName is the socket's name in a state directory.
const SocketName = "admin.sock"

// Status is how an installation is.
type Status struct {
	Version      string         `json:"version"`
	PID          int            `json:"pid"`
	Installation string         `json:"installation"`
	Address      string         `json:"address"`       // of the API
	AgentAddress string         `json:"agent_address"` // that machines dial
	StateDir     string         `json:"state_dir"`
	Capacity     infra.Capacity `json:"capacity"`
}

// Project is a project as operators see it.
type Project struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
}

// User is a user as operators see it.
type User struct {
	ID             string `json:"id"`
	Name           string `json:"name"`
	DefaultProject string `json:"default_project"` // id
	Enabled        bool   `json:"enabled"`
}

// NewUser asks for a user with roles in its first project.
type NewUser struct {
	Name     string   `json:"name"`
	Password string   `json:"password"`
	Project  string   `json:"project"` // id or name
	Roles    []string `json:"roles"`
}

// Roles asks for a user's roles in a project; none takes the user out of it.
type Roles struct {
	Project string   `json:"project"` // id or name
	Roles   []string `json:"roles"`
}

// Config is what the commands work on. All must be set.
type Config struct {
	Accounts  *embedded.Identity
	Catalogue *embedded.Catalogue
	Store     store.Store // quotas
	Status    func(context.Context) (Status, error)
	Inspect   Inspect
}

// New gives the handler. Safe for use by many requests at once.
func New(c Config) http.Handler {
	o := operator{accounts: c.Accounts, catalogue: c.Catalogue, store: c.Store}
	mux := http.NewServeMux()
	handle := func(pattern string, h func(w http.ResponseWriter, r *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			ctx, _ := respond.NewCall(r.Context(), "")
			r = r.WithContext(ctx)
			if err := h(w, r); err != nil {
				respond.Error(w, r, respond.Keystone, err)
			}
		})
	}
	handle("GET /status", func(w http.ResponseWriter, r *http.Request) error {
		s, err := c.Status(r.Context())
		if err == nil {
			respond.JSON(w, http.StatusOK, s)
		}
		return err
	})
	handle("GET /nodes/{node}", showNode(c.Inspect))
	handle("GET /projects", o.listProjects)
	handle("POST /projects", o.createProject)
	handle("DELETE /projects/{project}", o.deleteProject)
	handle("GET /users", o.listUsers)
	handle("POST /users", o.createUser)
	handle("DELETE /users/{user}", o.deleteUser)
	handle("PUT /users/{user}/password", o.setPassword)
	handle("PUT /users/{user}/roles", o.setRoles)
	handle("GET /flavors", o.listFlavors)
	handle("POST /flavors", o.createFlavor)
	handle("DELETE /flavors/{flavor}", o.deleteFlavor)
	handle("GET /images", o.listImages)
	handle("POST /images", o.createImage)
	handle("DELETE /images/{image}", o.deleteImage)
	handle("GET /networks", o.listNetworks)
	handle("POST /networks", o.createNetwork)
	handle("DELETE /networks/{network}", o.deleteNetwork)
	handle("GET /subnets", o.listSubnets)
	handle("POST /subnets", o.createSubnet)
	handle("DELETE /subnets/{subnet}", o.deleteSubnet)
	handle("GET /quotas", o.listQuotas)
	handle("PUT /quotas/{project}/{resource}", o.setQuota)
	handle("DELETE /quotas/{project}/{resource}", o.deleteQuota)
	return mux
}

type operator struct {
	accounts  *embedded.Identity
	catalogue *embedded.Catalogue
	store     store.Store
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

func (o operator) listUsers(w http.ResponseWriter, r *http.Request) error {
	all, err := o.accounts.Users(r.Context())
	if err != nil {
		return err
	}
	list := []User{}
	for _, u := range all {
		list = append(list, wire(u))
	}
	respond.JSON(w, http.StatusOK, list)
	return nil
}

// createUser makes a user with roles, or none at all.
func (o operator) createUser(w http.ResponseWriter, r *http.Request) error {
	var body NewUser
	if err := read(r, &body); err != nil {
		return err
	}
	ctx := r.Context()
	project, err := o.project(ctx, body.Project)
	if err != nil {
		return err
	}
	u, err := o.accounts.CreateUser(ctx, body.Name, body.Password, project.ID)
	if err != nil {
		return err
	}
	if err := o.accounts.SetRoles(ctx, u.ID, project.ID, body.Roles...); err != nil {
		return errors.Join(err, o.accounts.DeleteUser(context.WithoutCancel(ctx), u.ID))
	}
	respond.JSON(w, http.StatusCreated, wire(u))
	return nil
}

func (o operator) deleteUser(w http.ResponseWriter, r *http.Request) error {
	err := o.accounts.DeleteUser(r.Context(), r.PathValue("user"))
	if err == nil {
		respond.NoContent(w)
	}
	return err
}

func (o operator) setPassword(w http.ResponseWriter, r *http.Request) error {
	var body NewUser
	if err := read(r, &body); err != nil {
		return err
	}
	err := o.accounts.SetPassword(r.Context(), r.PathValue("user"), body.Password)
	if err == nil {
		respond.NoContent(w)
	}
	return err
}

func (o operator) setRoles(w http.ResponseWriter, r *http.Request) error {
	var body Roles
	if err := read(r, &body); err != nil {
		return err
	}
	err := o.accounts.SetRoles(r.Context(), r.PathValue("user"), body.Project, body.Roles...)
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

func wire(u embedded.User) User {
	return User{ID: u.ID, Name: u.Name, DefaultProject: u.DefaultProject, Enabled: u.Enabled}
}

const maxBody = 64 << 10

func read(r *http.Request, body any) error {
	d := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(body); err != nil {
		return hanok.Errorf(hanok.KindInvalid, "the body is not the JSON that is wanted here: %v", err)
	}
	return nil
}
