package embedded

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// newCredential makes an application credential of the first user that is a
// member for a day, and gives it with its secret and a token by it.
func newCredential(t *testing.T, f *fixture) (infra.ApplicationCredential, infra.Credentials, infra.Token) {
	t.Helper()
	c, secret, err := f.identity.CreateApplicationCredential(t.Context(), infra.ApplicationCredential{
		Name: "ci", UserID: f.token.UserID, ProjectID: f.token.ProjectID, Roles: []string{infra.RoleMember},
		ExpiresAt: f.clock.now().Add(24 * time.Hour),
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	open := infra.Credentials{CredentialID: c.ID, CredentialSecret: secret, RemoteAddr: "192.0.2.1:4711"}
	token, err := f.identity.Authenticate(t.Context(), open)
	if err != nil {
		t.Fatal(err)
	}
	return c, open, token
}

func TestTokenOfACredential(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	ctx := t.Context()
	c, open, token := newCredential(t, f)
	if !slices.Equal(token.Roles, []string{infra.RoleMember}) || token.ProjectID != c.ProjectID || token.UserID != c.UserID ||
		token.Credential == nil || token.Credential.ID != c.ID || token.Credential.Unrestricted {
		t.Errorf("token %+v", token)
	}
	again, err := f.identity.Authenticate(ctx, infra.Credentials{TokenID: token.ID})
	if err != nil || again.Credential == nil || !slices.Equal(again.Roles, token.Roles) || !slices.Contains(again.Methods, "token") {
		t.Errorf("by that token: %+v, %v", again, err)
	}
	other := must[infra.Project](t)(f.identity.CreateProject(ctx, "other"))
	if err := f.identity.SetRoles(ctx, SeedUser, "other", infra.RoleMember); err != nil {
		t.Fatal(err)
	}
	_, err = f.identity.Authenticate(ctx, infra.Credentials{TokenID: token.ID, ProjectID: other.ID})
	wantKind(t, "rescoped to another project", err, hanok.KindUnauthorized)
	// It outlives the password, and lives no longer than its own term.
	if err := f.identity.SetPassword(ctx, SeedUser, "another password"); err != nil {
		t.Fatal(err)
	}
	f.clock.add(18 * time.Hour)
	late := must[infra.Token](t)(f.identity.Authenticate(ctx, open))
	if !late.ExpiresAt.Equal(c.ExpiresAt) {
		t.Errorf("a late token expires at %s, its credential at %s", late.ExpiresAt, c.ExpiresAt)
	}
	f.clock.add(6 * time.Hour)
	_, err = f.identity.Validate(ctx, late.ID)
	wantKind(t, "its token afterwards", err, hanok.KindUnauthorized)
	_, err = f.identity.Authenticate(ctx, open)
	wantKind(t, "the credential afterwards", err, hanok.KindUnauthorized)
}

// TestCredentialEnds lists what ends a credential and its tokens at once.
func TestCredentialEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, f *fixture, c infra.ApplicationCredential) error{
		"deletion": func(t *testing.T, f *fixture, c infra.ApplicationCredential) error {
			return f.identity.DeleteApplicationCredential(t.Context(), c.UserID, c.ID)
		},
		"the role taken away": func(t *testing.T, f *fixture, _ infra.ApplicationCredential) error {
			return f.identity.SetRoles(t.Context(), SeedUser, SeedProject, infra.RoleAdmin)
		},
		"user disabled": func(t *testing.T, f *fixture, _ infra.ApplicationCredential) error {
			return f.identity.changeUser(t.Context(), SeedUser, func(u *userRecord) { u.Enabled = false })
		},
		"user deleted": func(t *testing.T, f *fixture, c infra.ApplicationCredential) error {
			return f.identity.DeleteUser(t.Context(), SeedUser)
		},
		"project deleted": func(t *testing.T, f *fixture, _ infra.ApplicationCredential) error {
			return f.identity.DeleteProject(t.Context(), SeedProject)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := seededFixture(t)
			c, open, token := newCredential(t, f)
			if err := end(t, f, c); err != nil {
				t.Fatal(err)
			}
			_, err := f.identity.Validate(t.Context(), token.ID)
			wantKind(t, "its token", err, hanok.KindUnauthorized)
			_, err = f.identity.Authenticate(t.Context(), open)
			wantKind(t, "the credential", err, hanok.KindUnauthorized)
		})
	}
}

func TestDeletedUsersAndProjectsLeaveNoCredentials(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(f *fixture) error{
		"user":    func(f *fixture) error { return f.identity.DeleteUser(t.Context(), SeedUser) },
		"project": func(f *fixture) error { return f.identity.DeleteProject(t.Context(), SeedProject) },
	} {
		f := seededFixture(t)
		newCredential(t, f)
		if err := end(f); err != nil {
			t.Fatal(err)
		}
		err := f.store.View(t.Context(), func(tx store.Tx) error {
			left, err := tx.Documents(kindCredential, "")
			if len(left) > 0 {
				t.Errorf("%d credentials outlive their %s", len(left), name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestCredentialGuesses: wrong secrets are counted as wrong passwords are.
func TestCredentialGuesses(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	_, open, _ := newCredential(t, f)
	wrong := open
	wrong.CredentialSecret = "not the secret"
	var err error
	for range 10 {
		_, err = f.identity.Authenticate(t.Context(), wrong)
		wantKind(t, "a wrong secret", err, hanok.KindUnauthorized)
	}
	_, err = f.identity.Authenticate(t.Context(), open)
	wantKind(t, "after ten wrong ones", err, hanok.KindTooMany)
	open.RemoteAddr = "192.0.2.2:1"
	if _, err := f.identity.Authenticate(t.Context(), open); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
}

func TestCredentialSecretsAreNotKept(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	c, open, _ := newCredential(t, f)
	err := f.store.View(t.Context(), func(tx store.Tx) error {
		d, err := tx.Document(kindCredential, c.ID)
		if !d.Secret || bytes.Contains(d.Body, []byte(open.CredentialSecret)) {
			t.Errorf("secret %v: %s", d.Secret, d.Body)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
