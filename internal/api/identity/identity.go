// Package identity speaks Keystone's API over an infra.Identity: tokens by v3
// and v2.0, the service catalogue in them, and the caller's projects. What
// else Keystone offers is a 404 in its error shape.
package identity

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

// Prefix is the path that the handler is made for: requests keep it.
const Prefix = "/identity"

// Config is what the API works on.
type Config struct {
	Identity infra.Identity
	// Projects lists a user's projects; nil: only the token's own is known.
	Projects infra.Projects
	// Credentials makes and ends application credentials; nil: there are none.
	Credentials infra.ApplicationCredentials
	Region      string // default "RegionOne"
}

// defaultRegion is the region's name unless configured otherwise.
const defaultRegion = "RegionOne"

type api struct {
	Config
}

// New gives the handler of everything below Prefix. Safe for use at once.
func New(c Config) http.Handler {
	h, _ := assemble(c)
	return h
}

// Routes lists what the handler answers ("GET /identity/v3").
func Routes() []string {
	type credentials = infra.ApplicationCredentials
	var some struct{ credentials } // never called
	_, routes := assemble(Config{Credentials: some})
	slices.Sort(routes)
	return routes
}

// assemble puts the handler together, and lists its routes.
func assemble(c Config) (http.Handler, []string) {
	if c.Region == "" {
		c.Region = defaultRegion
	}
	a := &api{c}
	mux := http.NewServeMux()
	var routes []string
	note := func(path string, methods map[string]http.HandlerFunc) {
		for method := range methods {
			routes = append(routes, method+" "+Prefix+path)
		}
	}
	// open registers a path that needs no token, with its methods.
	open := func(path string, methods map[string]http.HandlerFunc) {
		note(path, methods)
		mux.Handle(Prefix+path, byMethod(methods))
	}
	// closed registers one that needs a valid token.
	closed := func(path string, methods map[string]http.HandlerFunc) {
		note(path, methods)
		mux.Handle(Prefix+path, auth.Require(c.Identity, respond.Keystone, byMethod(methods)))
	}
	open("", get(a.versions))
	open("/v3", get(a.versionV3))
	open("/v2.0", get(a.versionV2))
	open("/v2.0/tokens", map[string]http.HandlerFunc{http.MethodPost: a.createTokenV2})
	closed("/v2.0/tenants", get(a.tenants))
	open("/v3/auth/tokens", map[string]http.HandlerFunc{
		http.MethodPost:   a.createToken,
		http.MethodGet:    a.caller(a.showToken),
		http.MethodDelete: a.caller(a.revokeToken),
	})
	closed("/v3/auth/catalog", get(a.showCatalog))
	closed("/v3/auth/projects", get(a.listProjects))
	closed("/v3/projects", get(a.listProjects))
	closed("/v3/projects/{id}", get(a.showProject))
	closed("/v3/users/{id}", get(a.showUser))
	closed("/v3/users/{id}/projects", get(a.listUserProjects))
	closed("/v3/roles", get(a.listRoles))
	closed("/v3/roles/{id}", get(a.showRole))
	if c.Credentials != nil {
		const path = "/v3/users/{id}/application_credentials"
		closed(path, map[string]http.HandlerFunc{
			http.MethodGet: a.own(a.listCredentials), http.MethodPost: a.own(a.createCredential),
		})
		closed(path+"/{credential}", map[string]http.HandlerFunc{
			http.MethodGet: a.own(a.showCredential), http.MethodDelete: a.own(a.deleteCredential),
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		respond.Error(w, r, respond.Keystone, hanok.Errorf(hanok.KindNotFound, "the identity service has no %s", respond.ShownPath(r.URL.Path)))
	})
	return withoutTrailingSlash(mux), routes
}

// caller is auth.Require for a path where only some methods need a token. A
// token of any role may look at and revoke tokens: whoever knows a token's
// secret has all of its power already.
func (a *api) caller(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		read := r.Clone(r.Context())
		read.Method = http.MethodGet // Require lets readers only read
		auth.Require(a.Identity, respond.Keystone, next).ServeHTTP(w, read)
	}
}

func get(h http.HandlerFunc) map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{http.MethodGet: h}
}

// byMethod chooses the handler; HEAD is GET without the body, which the
// server leaves out.
func byMethod(methods map[string]http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		if h, ok := methods[method]; ok {
			h(w, r)
			return
		}
		var allowed []string
		for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete} {
			_, ok := methods[m]
			if _, gets := methods[http.MethodGet]; ok || m == http.MethodHead && gets {
				allowed = append(allowed, m)
			}
		}
		if method == http.MethodOptions {
			respond.Options(w, allowed...)
			return
		}
		respond.MethodNotAllowed(w, r, respond.Keystone, allowed...)
	})
}

// withoutTrailingSlash lets clients end a path with a slash.
func withoutTrailingSlash(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := strings.TrimRight(r.URL.Path, "/"); p != r.URL.Path && p != "" {
			c := r.Clone(r.Context())
			c.URL.Path, c.URL.RawPath = p, ""
			r = c
		}
		next.ServeHTTP(w, r)
	})
}

// timeV3 is Keystone's form of a time.
func timeV3(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

func timeV2(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
