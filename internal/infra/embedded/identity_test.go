package embedded

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	ctx := t.Context()
	other := must[infra.Project](t)(f.identity.CreateProject(ctx, "other"))
	both := must[User](t)(f.identity.CreateUser(ctx, "both", testPassword, f.token.ProjectID))
	for _, p := range []string{"demo", other.ID} {
		if err := f.identity.SetRoles(ctx, "both", p, infra.RoleMember); err != nil {
			t.Fatal(err)
		}
	}
	must[User](t)(f.identity.CreateUser(ctx, "nowhere", testPassword, ""))
	must[User](t)(f.identity.CreateUser(ctx, "disabled", testPassword, f.token.ProjectID))
	if err := f.identity.changeUser(ctx, "disabled", func(u *userRecord) { u.Enabled = false }); err != nil {
		t.Fatal(err)
	}

	for _, test := range []struct {
		name    string
		cred    infra.Credentials
		project string // "" is refused
	}{
		{"default project", infra.Credentials{UserName: "both", Password: testPassword}, f.token.ProjectID},
		{"by user id", infra.Credentials{UserID: both.ID, Password: testPassword}, f.token.ProjectID},
		{"project by id", infra.Credentials{UserName: "both", Password: testPassword, ProjectID: other.ID}, other.ID},
		{"project by name", infra.Credentials{UserName: "both", Password: testPassword, ProjectName: "other"}, other.ID},
		{"domains by name", infra.Credentials{UserName: "both", UserDomain: "Default", Password: testPassword,
			ProjectName: "other", ProjectDomain: "Default"}, other.ID},
		{"domains by id", infra.Credentials{UserName: "both", UserDomain: "default", Password: testPassword,
			ProjectName: "other", ProjectDomain: "default"}, other.ID},
		{"wrong password", infra.Credentials{UserName: "both", Password: "wrong"}, ""},
		{"no password", infra.Credentials{UserName: "both"}, ""},
		{"huge password", infra.Credentials{UserName: "both", Password: string(make([]byte, 1<<20))}, ""},
		{"unknown user", infra.Credentials{UserName: "nobody", Password: testPassword}, ""},
		{"no user", infra.Credentials{Password: testPassword}, ""},
		{"unknown user id", infra.Credentials{UserID: "nobody", Password: testPassword}, ""},
		{"name as id", infra.Credentials{UserID: "both", Password: testPassword}, ""},
		{"unknown user domain", infra.Credentials{UserName: "both", UserDomain: "else", Password: testPassword}, ""},
		{"unknown project", infra.Credentials{UserName: "both", Password: testPassword, ProjectName: "none"}, ""},
		{"unknown project id", infra.Credentials{UserName: "both", Password: testPassword, ProjectID: "none"}, ""},
		{"unknown project domain", infra.Credentials{UserName: "both", Password: testPassword, ProjectName: "other", ProjectDomain: "else"}, ""},
		{"project without a role", infra.Credentials{UserName: "admin", Password: testPassword, ProjectName: "other"}, ""},
		{"no project at all", infra.Credentials{UserName: "nowhere", Password: testPassword}, ""},
		{"disabled user", infra.Credentials{UserName: "disabled", Password: testPassword}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.cred.RemoteAddr = test.name // no failure counts for another case
			token, err := f.identity.Authenticate(ctx, test.cred)
			if test.project == "" {
				wantKind(t, "Authenticate", err, hanok.KindUnauthorized)
				if err != nil && err.Error() != errRefused().Error() {
					t.Errorf("the refusal %q differs from the others", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if token.ProjectID != test.project || token.UserID != both.ID {
				t.Errorf("token for user %s in project %s, want %s in %s", token.UserID, token.ProjectID, both.ID, test.project)
			}
			if life := token.ExpiresAt.Sub(token.IssuedAt); life != defaultTokenLife {
				t.Errorf("the token lives %s, want %s", life, defaultTokenLife)
			}
			if len(token.ID) != 43 || !slices.Equal(token.Roles, []string{infra.RoleMember}) || !slices.Equal(token.Methods, []string{"password"}) {
				t.Errorf("secret of %d characters, roles %v, methods %v", len(token.ID), token.Roles, token.Methods)
			}
		})
	}
}

func TestAuthenticateByToken(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	ctx := t.Context()
	other := must[infra.Project](t)(f.identity.CreateProject(ctx, "other"))
	if err := f.identity.SetRoles(ctx, SeedUser, "other", infra.RoleReader); err != nil {
		t.Fatal(err)
	}
	f.clock.add(time.Hour)
	got, err := f.identity.Authenticate(ctx, infra.Credentials{TokenID: f.token.ID, ProjectName: "other"})
	if err != nil {
		t.Fatal(err)
	}
	if got.ProjectID != other.ID || !slices.Equal(got.Roles, []string{infra.RoleReader}) || !slices.Equal(got.Methods, []string{"password", "token"}) {
		t.Errorf("token %+v", got)
	}
	if !got.ExpiresAt.Equal(f.token.ExpiresAt) {
		t.Errorf("the new token ends %s, the one that it came from %s", got.ExpiresAt, f.token.ExpiresAt)
	}
	_, err = f.identity.Authenticate(ctx, infra.Credentials{TokenID: "unknown"})
	wantKind(t, "with an unknown token", err, hanok.KindUnauthorized)
	f.clock.add(defaultTokenLife)
	_, err = f.identity.Authenticate(ctx, infra.Credentials{TokenID: f.token.ID})
	wantKind(t, "with an expired token", err, hanok.KindUnauthorized)
}

func TestFailureLimit(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	ctx := t.Context()
	from := func(addr, user, password string) error {
		_, err := f.identity.Authenticate(ctx, infra.Credentials{UserName: user, Password: password, RemoteAddr: addr})
		return err
	}
	for _, user := range []string{SeedUser, "nobody"} {
		for n := range 10 {
			wantKind(t, "failure", from("192.0.2.1:1000", user, "wrong"), hanok.KindUnauthorized)
			_ = n
		}
		wantKind(t, "failure too many", from("192.0.2.1:2000", user, "wrong"), hanok.KindTooMany)
	}
	wantKind(t, "the right password, too late", from("192.0.2.1:3000", SeedUser, testPassword), hanok.KindTooMany)
	if err := from("192.0.2.2:1000", SeedUser, testPassword); err != nil {
		t.Errorf("from another address: %v", err)
	}
	f.clock.add(7 * time.Second)
	if err := from("192.0.2.1:1000", SeedUser, testPassword); err != nil {
		t.Errorf("after a pause: %v", err)
	}
	wantKind(t, "after a success the count begins anew", from("192.0.2.1:1000", SeedUser, "wrong"), hanok.KindUnauthorized)
}

// TestFailureLimitAtOnce: trying in parallel does not get round the limit.
func TestFailureLimitAtOnce(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		counts = map[hanok.Kind]int{}
	)
	for range 40 {
		wg.Go(func() {
			_, err := f.identity.Authenticate(t.Context(), login(SeedUser, "wrong"))
			mu.Lock()
			defer mu.Unlock()
			counts[hanok.KindOf(err)]++
		})
	}
	wg.Wait()
	// Two passwords are checked at a time, so one more may slip through.
	if tried := counts[hanok.KindUnauthorized]; tried < 10 || tried > 11 || counts[hanok.KindTooMany] != 40-tried {
		t.Errorf("of 40 at once, by kind: %v", counts)
	}
}

// TestUnknownUserTakesAsLong: without a hash of its own to check, an unknown
// user would be answered a hundred times faster.
func TestUnknownUserTakesAsLong(t *testing.T) {
	f := seededFixture(t)
	var took [2][]time.Duration
	for range 7 { // in turns, so that a busy machine slows both alike
		for i, user := range []string{SeedUser, "nobody"} {
			start := time.Now()
			_, err := f.identity.Authenticate(t.Context(), login(user, "wrong"))
			took[i] = append(took[i], time.Since(start))
			wantKind(t, user, err, hanok.KindUnauthorized)
		}
	}
	slices.Sort(took[0])
	slices.Sort(took[1])
	known, unknown := took[0][3], took[1][3]
	if unknown < known/4 || known < unknown/4 {
		t.Errorf("a known user takes %s, an unknown one %s", known, unknown)
	}
}
