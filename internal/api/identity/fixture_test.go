package identity

import (
	"net/http/httptest"
	"testing"

	"github.com/hanok/hanok/api/apitest"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/embedded"
	"github.com/hanok/hanok/internal/infra/embedded/embeddedtest"
)

const password = embeddedtest.Password

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
	c := embeddedtest.New(t)
	f := &fixture{T: t, identity: c.Identity, token: c.Admin, reader: c.AddUser("eve", "demo", infra.RoleReader)}
	c.AddRole("eve", "other", infra.RoleReader)
	f.server = httptest.NewServer(apitest.Handler(t, New(Config{Identity: f.identity, Projects: f.identity, Credentials: f.identity})))
	t.Cleanup(f.server.Close)
	return f
}

// do sends a request; headers are pairs.
func (f *fixture) do(method, path, body string, headers ...string) apitest.Answer {
	f.Helper()
	return apitest.Ask(f, method, f.server.URL+path, body, headers...)
}
