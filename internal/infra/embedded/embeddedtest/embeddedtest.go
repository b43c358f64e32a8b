// Package embeddedtest gives tests the embedded cloud as an installation has
// it when it starts for the first time.
package embeddedtest

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/embedded"
	"github.com/hanok/hanok/internal/store/sqlite"
)

// Password is the password of every user of a test's cloud.
const Password = "correct horse battery"

// Cloud is a seeded store, with what reads it. It ends with its test.
type Cloud struct {
	Store     *sqlite.Store
	Identity  *embedded.Identity
	Catalogue *embedded.Catalogue
	Admin     infra.Token // the first user's, in the first project

	t testing.TB
}

// New makes a cloud.
func New(t testing.TB) *Cloud {
	t.Helper()
	ctx := context.Background() // the end of a test cancels its own before the store is closed
	s, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "hanok.db")})
	if err != nil {
		t.Fatal(err)
	}
	c := &Cloud{Store: s, Identity: embedded.NewIdentity(s, embedded.IdentityOptions{}), Catalogue: embedded.NewCatalogue(s), t: t}
	t.Cleanup(func() { c.ok(s.Close()) })
	_, err = embedded.Seed(ctx, s, c.Identity, Password)
	c.ok(err)
	c.Admin = c.Login(embedded.SeedUser, embedded.SeedProject)
	return c
}

// AddUser makes a user with a role in a project, which it makes where it is
// not there, and gives the user's token. It is the user's default project.
func (c *Cloud) AddUser(name, project, role string) infra.Token {
	c.t.Helper()
	_, err := c.Identity.CreateUser(context.Background(), name, Password, c.project(project))
	c.ok(err)
	c.AddRole(name, project, role)
	return c.Login(name, project)
}

// AddRole gives a user a role in a project, which it makes where it is not
// there.
func (c *Cloud) AddRole(user, project, role string) {
	c.t.Helper()
	c.ok(c.Identity.SetRoles(context.Background(), user, c.project(project), role))
}

// project gives the id of a project.
func (c *Cloud) project(name string) string {
	c.t.Helper()
	ctx := context.Background()
	all, err := c.Identity.AllProjects(ctx)
	c.ok(err)
	for _, p := range all {
		if p.Name == name {
			return p.ID
		}
	}
	p, err := c.Identity.CreateProject(ctx, name)
	c.ok(err)
	return p.ID
}

// Login gives the token of a user for a project, by their names.
func (c *Cloud) Login(user, project string) infra.Token {
	c.t.Helper()
	token, err := c.Identity.Authenticate(context.Background(), infra.Credentials{UserName: user, Password: Password, ProjectName: project})
	c.ok(err)
	return token
}

// Choice is what a cluster may be made of in the seeded catalogue.
type Choice struct {
	Network, External                infra.Network
	Subnet, Isolated, ExternalSubnet infra.Subnet // of the network: with a gateway to the internet, and without
	Flavor                           infra.Flavor
	Image                            infra.Image
}

// Choose finds the things of the first project by what they are.
func (c *Cloud) Choose() (found Choice) {
	c.t.Helper()
	ctx, project := context.Background(), c.Admin.ProjectID
	networks, err := c.Catalogue.Networks(ctx, project)
	c.ok(err)
	for _, n := range networks {
		if n.External {
			found.External = n
		} else {
			found.Network = n
		}
	}
	subnets, err := c.Catalogue.Subnets(ctx, project)
	c.ok(err)
	for _, s := range subnets {
		switch {
		case s.External:
			found.ExternalSubnet = s
		case s.InternetGateway:
			found.Subnet = s
		default:
			found.Isolated = s
		}
	}
	flavors, err := c.Catalogue.Flavors(ctx, project)
	c.ok(err)
	images, err := c.Catalogue.Images(ctx, project)
	c.ok(err)
	found.Flavor, found.Image = flavors[0], images[0]
	return found
}

func (c *Cloud) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}
