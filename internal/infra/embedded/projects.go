package embedded

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// assignment is the stored form of a user's roles in a project.
type assignment struct {
	UserID    string
	ProjectID string
	Roles     []string
}

func assignmentID(userID, projectID string) string { return userID + "/" + projectID }

// CreateProject makes a project with a default network: a VPC, a subnet with
// an internet gateway and one without. A name that is taken is hanok.KindConflict.
func (i *Identity) CreateProject(ctx context.Context, name string) (infra.Project, error) {
	if err := checkName("name", name); err != nil {
		return infra.Project{}, err
	}
	var p infra.Project
	err := i.store.Update(ctx, func(tx store.Tx) (err error) {
		p, err = createProject(tx, name, i.now())
		return err
	})
	return p, err
}

func createProject(tx store.Tx, name string, now time.Time) (infra.Project, error) {
	if _, err := projectByName(tx, name); err == nil {
		return infra.Project{}, hanok.Errorf(hanok.KindConflict, "a project named %s exists already", name)
	} else if hanok.KindOf(err) != hanok.KindNotFound {
		return infra.Project{}, err
	}
	p := infra.Project{ID: newID(), Name: name, Enabled: true}
	now = now.UTC().Truncate(time.Second)
	if err := put(tx, kindProject, p.ID, "", p.Name, now, p); err != nil {
		return infra.Project{}, err
	}
	return p, seedNetworks(tx, p.ID, now)
}

// AllProjects lists every project, by name.
func (i *Identity) AllProjects(ctx context.Context) ([]infra.Project, error) {
	var projects []infra.Project
	err := i.store.View(ctx, func(tx store.Tx) (err error) {
		projects, err = list[infra.Project](tx, kindProject, "")
		return err
	})
	sortProjects(projects)
	return projects, err
}

// Project finds a project by id.
func (i *Identity) Project(ctx context.Context, id string) (infra.Project, error) {
	var p infra.Project
	err := i.store.View(ctx, func(tx store.Tx) (err error) {
		p, err = get[infra.Project](tx, kindProject, id, hanok.Quote(id))
		return err
	})
	return p, err
}

// Projects lists the enabled projects in which a user has a role, by name.
func (i *Identity) Projects(ctx context.Context, userID string) ([]infra.Project, error) {
	projects := []infra.Project{}
	err := i.store.View(ctx, func(tx store.Tx) error {
		all, err := list[infra.Project](tx, kindProject, "")
		if err != nil {
			return err
		}
		for _, p := range all {
			a, err := get[assignment](tx, kindAssignment, assignmentID(userID, p.ID), "")
			switch {
			case err == nil && len(a.Roles) > 0 && p.Enabled:
				projects = append(projects, p)
			case err != nil && hanok.KindOf(err) != hanok.KindNotFound:
				return err
			}
		}
		return nil
	})
	sortProjects(projects)
	return projects, err
}

// SetRoles replaces a user's roles in a project; none takes the user out of
// it. Both are named by id or name. Tokens for the project follow at once.
func (i *Identity) SetRoles(ctx context.Context, user, project string, roles ...string) error {
	known := []string{infra.RoleAdmin, infra.RoleMember, infra.RoleReader}
	for _, r := range roles {
		if !slices.Contains(known, r) {
			return hanok.Invalid("role", "%q is no role; the roles are %s", r, strings.Join(known, ", "))
		}
	}
	defer i.cache.clear()
	return i.store.Update(ctx, func(tx store.Tx) error {
		u, err := userByIDOrName(tx, user)
		if err != nil {
			return err
		}
		p, err := projectByIDOrName(tx, project)
		if err != nil {
			return err
		}
		if len(roles) == 0 {
			err := tx.DeleteDocument(kindAssignment, assignmentID(u.ID, p.ID))
			if hanok.KindOf(err) == hanok.KindNotFound {
				return nil // had none
			}
			return err
		}
		return putRoles(tx, u.ID, p.ID, roles, i.now())
	})
}

func putRoles(tx store.Tx, userID, projectID string, roles []string, now time.Time) error {
	roles = slices.Clone(roles)
	slices.Sort(roles)
	a := assignment{UserID: userID, ProjectID: projectID, Roles: slices.Compact(roles)}
	return put(tx, kindAssignment, assignmentID(userID, projectID), projectID, "", now.UTC(), a)
}

// DeleteProject removes a project (by id or name) with its networks and role
// assignments. One that has clusters is hanok.KindConflict.
func (i *Identity) DeleteProject(ctx context.Context, project string) error {
	defer i.cache.clear()
	return i.store.Update(ctx, func(tx store.Tx) error {
		p, err := projectByIDOrName(tx, project)
		if err != nil {
			return err
		}
		clusters, err := tx.Clusters(p.ID)
		if err != nil {
			return err
		}
		if len(clusters) > 0 {
			return hanok.Errorf(hanok.KindConflict, "project %s has %d clusters; delete them first", p.Name, len(clusters))
		}
		for _, kind := range []string{kindAssignment, kindKeypair, kindCredential, kindSubnet, kindNetwork} {
			docs, err := tx.Documents(kind, p.ID)
			if err != nil {
				return err
			}
			for _, d := range docs {
				if err := tx.DeleteDocument(kind, d.ID); err != nil {
					return err
				}
			}
		}
		return tx.DeleteDocument(kindProject, p.ID)
	})
}

func projectByName(tx store.Tx, name string) (infra.Project, error) {
	docs, err := tx.Documents(kindProject, "")
	if err != nil {
		return infra.Project{}, err
	}
	for _, d := range docs {
		if d.Name == name {
			return decode[infra.Project](d)
		}
	}
	return infra.Project{}, hanok.NotFound("project", name)
}

func projectByIDOrName(tx store.Tx, idOrName string) (infra.Project, error) {
	p, err := get[infra.Project](tx, kindProject, idOrName, idOrName)
	if hanok.KindOf(err) == hanok.KindNotFound {
		return projectByName(tx, idOrName)
	}
	return p, err
}

func sortProjects(p []infra.Project) {
	slices.SortFunc(p, func(a, b infra.Project) int { return strings.Compare(a.Name, b.Name) })
}
