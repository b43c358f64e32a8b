package embedded

import (
	"slices"
	"strings"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

func TestCreateUserRefuses(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	for _, test := range []struct {
		name, user, password, project string
		want                          hanok.Kind
	}{
		{"no name", "", testPassword, "", hanok.KindInvalid},
		{"space at the end", "bob ", testPassword, "", hanok.KindInvalid},
		{"control character", "b\x00b", testPassword, "", hanok.KindInvalid},
		{"long name", strings.Repeat("b", 256), testPassword, "", hanok.KindInvalid},
		{"short password", "bob", "short", "", hanok.KindInvalid},
		{"long password", "bob", strings.Repeat("p", maxPassword+1), "", hanok.KindInvalid},
		{"taken", SeedUser, testPassword, "", hanok.KindConflict},
		{"unknown project", "bob", testPassword, "none", hanok.KindNotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := f.identity.CreateUser(t.Context(), test.user, test.password, test.project)
			wantKind(t, "CreateUser", err, test.want)
		})
	}
	users, err := f.identity.Users(t.Context())
	if err != nil || len(users) != 1 {
		t.Errorf("Users = %v, %v, want the seeded one alone", users, err)
	}
}

func TestSetPassword(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	ctx := t.Context()
	if err := f.identity.SetPassword(ctx, SeedUser, "another password"); err != nil {
		t.Fatal(err)
	}
	_, err := f.identity.Authenticate(ctx, login(SeedUser, testPassword))
	wantKind(t, "with the old password", err, hanok.KindUnauthorized)
	if _, err := f.identity.Authenticate(ctx, login(SeedUser, "another password")); err != nil {
		t.Errorf("with the new password: %v", err)
	}
	wantKind(t, "of an unknown user", f.identity.SetPassword(ctx, "nobody", testPassword), hanok.KindNotFound)
	wantKind(t, "of no user", f.identity.SetPassword(ctx, "", testPassword), hanok.KindNotFound)
	wantKind(t, "too short", f.identity.SetPassword(ctx, SeedUser, "x"), hanok.KindInvalid)
}

func TestDeleteUserTakesItsThings(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	ctx := t.Context()
	if _, _, err := f.catalogue.CreateKeypair(ctx, f.token.ProjectID, f.token.UserID, "key", ""); err != nil {
		t.Fatal(err)
	}
	if err := f.identity.DeleteUser(ctx, SeedUser); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "again", f.identity.DeleteUser(ctx, SeedUser), hanok.KindNotFound)
	keys, err := f.catalogue.Keypairs(ctx, f.token.ProjectID, f.token.UserID)
	if err != nil || len(keys) != 0 {
		t.Errorf("key pairs left: %v, %v", keys, err)
	}
	projects, err := f.identity.Projects(ctx, f.token.UserID)
	if err != nil || len(projects) != 0 {
		t.Errorf("roles left in %v, %v", projects, err)
	}
	// The name is free again, and the new user has nothing of the old one.
	must[User](t)(f.identity.CreateUser(ctx, SeedUser, testPassword, f.token.ProjectID))
	_, err = f.identity.Authenticate(ctx, login(SeedUser, testPassword))
	wantKind(t, "a new user of the same name", err, hanok.KindUnauthorized)
}

func TestProjects(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	ctx := t.Context()
	must[infra.Project](t)(f.identity.CreateProject(ctx, "beta"))
	must[infra.Project](t)(f.identity.CreateProject(ctx, "alpha"))
	must[infra.Project](t)(f.identity.CreateProject(ctx, "unseen"))
	_, err := f.identity.CreateProject(ctx, "alpha")
	wantKind(t, "a project of the same name", err, hanok.KindConflict)
	for _, p := range []string{"beta", "alpha"} {
		if err := f.identity.SetRoles(ctx, SeedUser, p, infra.RoleMember, infra.RoleMember); err != nil {
			t.Fatal(err)
		}
	}
	projects, err := f.identity.Projects(ctx, f.token.UserID)
	names := func() (s []string) {
		for _, p := range projects {
			s = append(s, p.Name)
		}
		return s
	}
	if want := []string{"alpha", "beta", "demo"}; err != nil || !slices.Equal(names(), want) {
		t.Errorf("Projects = %v, %v, want %v", names(), err, want)
	}
	projects, err = f.identity.AllProjects(ctx)
	if want := []string{"alpha", "beta", "demo", "unseen"}; err != nil || !slices.Equal(names(), want) {
		t.Errorf("AllProjects = %v, %v, want %v", names(), err, want)
	}
	for _, test := range []struct {
		name, user, project, role string
		want                      hanok.Kind
	}{
		{"unknown role", SeedUser, "alpha", "king", hanok.KindInvalid},
		{"unknown user", "nobody", "alpha", infra.RoleMember, hanok.KindNotFound},
		{"unknown project", SeedUser, "none", infra.RoleMember, hanok.KindNotFound},
	} {
		wantKind(t, test.name, f.identity.SetRoles(ctx, test.user, test.project, test.role), test.want)
	}
	for range 2 { // the second time there is nothing to take away
		if err := f.identity.SetRoles(ctx, SeedUser, "alpha"); err != nil {
			t.Errorf("SetRoles to none: %v", err)
		}
	}
}

func TestDeleteProject(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	ctx := t.Context()
	p := must[infra.Project](t)(f.identity.CreateProject(ctx, "other"))
	putCluster(t, f, hanok.Cluster{UUID: "c1", Name: "c", ProjectID: p.ID})
	wantKind(t, "with a cluster", f.identity.DeleteProject(ctx, "other"), hanok.KindConflict)
	deleteCluster(t, f, "c1")
	if err := f.identity.DeleteProject(ctx, "other"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "again", f.identity.DeleteProject(ctx, "other"), hanok.KindNotFound)
	networks, err := f.catalogue.Networks(ctx, p.ID)
	if err != nil || len(networks) != 1 || !networks[0].External {
		t.Errorf("networks of the deleted project: %v, %v, want the public one alone", networks, err)
	}
}
