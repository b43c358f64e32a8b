package identity

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hanok/hanok/api/apitest"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/embedded"
	"github.com/hanok/hanok/internal/store/sqlite"
)

const password = "correct horse battery"

// fixture is the API over an embedded identity with a user "admin" in the
// project "demo", and a reader "eve" there and in "other".
type fixture struct {
	*testing.T
	server   *httptest.Server
	identity *embedded.Identity
	token    infra.Token // admin's
	reader   infra.Token // eve's
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	ctx := t.Context()
	s, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "hanok.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	f := &fixture{T: t, identity: embedded.NewIdentity(s, embedded.IdentityOptions{})}
	if _, err := embedded.Seed(ctx, s, f.identity, password); err != nil {
		t.Fatal(err)
	}
	f.token = f.login("admin")
	if _, err := f.identity.CreateProject(ctx, "other"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.identity.CreateUser(ctx, "eve", password, f.token.ProjectID); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"demo", "other"} {
		if err := f.identity.SetRoles(ctx, "eve", p, infra.RoleReader); err != nil {
			t.Fatal(err)
		}
	}
	f.reader = f.login("eve")
	f.server = httptest.NewServer(apitest.Handler(t, New(Config{Identity: f.identity, Projects: f.identity, Credentials: f.identity})))
	t.Cleanup(f.server.Close)
	return f
}

func (f *fixture) login(user string) infra.Token {
	f.Helper()
	token, err := f.identity.Authenticate(f.Context(), infra.Credentials{UserName: user, Password: password})
	if err != nil {
		f.Fatal(err)
	}
	return token
}

type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// do sends a request; headers are pairs.
func (f *fixture) do(method, path, body string, headers ...string) answer {
	f.Helper()
	req, err := http.NewRequestWithContext(f.Context(), method, f.server.URL+path, strings.NewReader(body))
	if err != nil {
		f.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		f.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(b)}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &a.body); err != nil {
			f.Fatalf("%s %s: %d with the body %q: %v", method, path, a.status, b, err)
		}
	}
	return a
}

// at follows a dotted path of keys and indices into a decoded body.
func (a answer) at(path string) any {
	var v any = a.body
	for key := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			i := int(key[0] - '0')
			if i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}
