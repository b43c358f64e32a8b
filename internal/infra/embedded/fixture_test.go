package embedded

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
	"github.com/hanok/hanok/internal/store/sqlite"
)

const testPassword = "correct horse battery"

// clock is a time that only tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

type fixture struct {
	store     store.Store
	clock     *clock
	identity  *Identity
	catalogue *Catalogue
	token     infra.Token // of the seeded user in the seeded project
}

func openStore(t testing.TB) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "hanok.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// seededFixture is a seeded store and a token of its first user.
func seededFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{store: openStore(t), clock: newClock()}
	f.identity = NewIdentity(f.store, IdentityOptions{Now: f.clock.now})
	f.catalogue = NewCatalogue(f.store)
	if _, err := Seed(t.Context(), f.store, f.identity, testPassword); err != nil {
		t.Fatal(err)
	}
	token, err := f.identity.Authenticate(t.Context(), login(SeedUser, testPassword))
	if err != nil {
		t.Fatal(err)
	}
	f.token = token
	return f
}

func login(user, password string) infra.Credentials {
	return infra.Credentials{UserName: user, Password: password, RemoteAddr: "192.0.2.1:4711"}
}

func wantKind(t testing.TB, what string, err error, want hanok.Kind) {
	t.Helper()
	if err == nil || hanok.KindOf(err) != want {
		t.Errorf("%s: error %v (kind %d), want kind %d", what, err, hanok.KindOf(err), want)
	}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
