package operator

import (
	"context"
	"errors"
	"net/http"

	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra/embedded"
)

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

func wire(u embedded.User) User {
	return User{ID: u.ID, Name: u.Name, DefaultProject: u.DefaultProject, Enabled: u.Enabled}
}
