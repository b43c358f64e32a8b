package embedded

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
	"github.com/hanok/hanok/internal/store/sqlite"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	ctx := t.Context()
	for range 2 { // from the store, then from the cache
		got, err := f.identity.Validate(ctx, f.token.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != f.token.ID || got.UserName != SeedUser || got.ProjectName != SeedProject ||
			got.UserID != f.token.UserID || got.ProjectID != f.token.ProjectID ||
			!slices.Equal(got.Roles, []string{infra.RoleAdmin, infra.RoleMember}) ||
			!got.ExpiresAt.Equal(f.token.ExpiresAt) || !got.IssuedAt.Equal(f.token.IssuedAt) {
			t.Errorf("Validate = %+v\nissued     %+v", got, f.token)
		}
		got.Roles[0] = "changed by a caller"
	}
	for _, id := range []string{"", "unknown", f.token.ID + "x", strings.ToLower(f.token.ID), strings.Repeat("x", 1<<20)} {
		_, err := f.identity.Validate(ctx, id)
		wantKind(t, "Validate of another secret", err, hanok.KindUnauthorized)
	}
}

// TestTokenEnds lists everything that ends a token, each right after the
// token was valid and thus in the cache.
func TestTokenEnds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		end  func(t *testing.T, f *fixture) error
	}{
		{"expiry", func(t *testing.T, f *fixture) error { f.clock.add(defaultTokenLife); return nil }},
		{"revocation", func(t *testing.T, f *fixture) error { return f.identity.Revoke(t.Context(), f.token.ID) }},
		{"another password", func(t *testing.T, f *fixture) error {
			return f.identity.SetPassword(t.Context(), SeedUser, "another password")
		}},
		{"user disabled", func(t *testing.T, f *fixture) error {
			return f.identity.changeUser(t.Context(), SeedUser, func(u *userRecord) { u.Enabled = false })
		}},
		{"user deleted", func(t *testing.T, f *fixture) error { return f.identity.DeleteUser(t.Context(), SeedUser) }},
		{"roles taken away", func(t *testing.T, f *fixture) error {
			return f.identity.SetRoles(t.Context(), SeedUser, SeedProject)
		}},
		{"project deleted", func(t *testing.T, f *fixture) error {
			return f.identity.DeleteProject(t.Context(), SeedProject)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := seededFixture(t)
			if _, err := f.identity.Validate(t.Context(), f.token.ID); err != nil {
				t.Fatal(err)
			}
			if err := test.end(t, f); err != nil {
				t.Fatal(err)
			}
			_, err := f.identity.Validate(t.Context(), f.token.ID)
			wantKind(t, "Validate", err, hanok.KindUnauthorized)
		})
	}
}

func TestRolesFollowAtOnce(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	if err := f.identity.SetRoles(t.Context(), SeedUser, SeedProject, infra.RoleReader); err != nil {
		t.Fatal(err)
	}
	got, err := f.identity.Validate(t.Context(), f.token.ID)
	if err != nil || !slices.Equal(got.Roles, []string{infra.RoleReader}) {
		t.Errorf("roles %v, %v, want reader", got.Roles, err)
	}
}

func TestRevokeUnknown(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	wantKind(t, "Revoke", f.identity.Revoke(t.Context(), "unknown"), hanok.KindNotFound)
	if err := f.identity.Revoke(t.Context(), f.token.ID); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "Revoke again", f.identity.Revoke(t.Context(), f.token.ID), hanok.KindNotFound)
}

func TestExpiredTokensAreRemoved(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	f.clock.add(defaultTokenLife + time.Minute)
	if _, err := f.identity.Authenticate(t.Context(), login(SeedUser, testPassword)); err != nil {
		t.Fatal(err)
	}
	err := f.store.View(t.Context(), func(tx store.Tx) error {
		_, err := tx.Token(tokenHash(f.token.ID))
		return err
	})
	wantKind(t, "the expired token in the store", err, hanok.KindNotFound)
}

// TestSecretsAreNotStored reads the database's files as a thief would.
func TestSecretsAreNotStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "hanok.db")})
	if err != nil {
		t.Fatal(err)
	}
	identity := NewIdentity(s, IdentityOptions{})
	if _, err := Seed(t.Context(), s, identity, testPassword); err != nil {
		t.Fatal(err)
	}
	token, err := identity.Authenticate(t.Context(), login(SeedUser, testPassword))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var all []byte
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	for what, secret := range map[string]string{
		"the token": token.ID, "the password": testPassword, "the password's hash": "argon2id",
	} {
		if bytes.Contains(all, []byte(secret)) {
			t.Errorf("%s lies in the database as clear text", what)
		}
	}
	if !bytes.Contains(all, []byte(SeedProject)) {
		t.Error("not even the project is there: did the test read the database?")
	}
}

func BenchmarkValidate(b *testing.B) {
	f := seededFixture(b)
	b.Run("cached", func(b *testing.B) {
		for b.Loop() {
			if _, err := f.identity.Validate(b.Context(), f.token.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("from the store", func(b *testing.B) {
		for b.Loop() {
			f.identity.cache.clear()
			if _, err := f.identity.Validate(b.Context(), f.token.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	f := seededFixture(b)
	for b.Loop() {
		if _, err := f.identity.Authenticate(b.Context(), login(SeedUser, testPassword)); err != nil {
			b.Fatal(err)
		}
	}
}
