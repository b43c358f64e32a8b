package catalogue

import (
	"net/http"
	"slices"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

// handler answers a request, or gives the error to answer with.
type handler func(w http.ResponseWriter, r *http.Request) error

// routes are the paths of one service below a version, by method.
type routes map[string]map[string]handler

// versioned describes how one service lays out its paths.
type versioned struct {
	prefix   string
	style    respond.Style
	versions []string // "v2.1"; all have the same routes
	// project: the project's id may stand between version and resource.
	project bool
	// root and document answer the prefix itself, and a version's own path.
	root     http.HandlerFunc
	document func(w http.ResponseWriter, r *http.Request, version string)
}

// serve puts a service together. Version documents are for everybody, since
// clients read them before they have a token; the rest needs one.
func (a *api) serve(v versioned, rs routes) http.Handler {
	mux := http.NewServeMux()
	a.registered = append(a.registered, "GET "+v.prefix, "GET "+v.versionPath())
	if v.project {
		a.registered = append(a.registered, "GET "+v.base())
	}
	for path, methods := range rs {
		mux.Handle(path, v.byMethod(methods))
		for method := range methods {
			a.registered = append(a.registered, method+" "+v.base()+path)
		}
	}
	mux.HandleFunc("/", v.unknown)
	inner := auth.Require(a.Identity, v.style, mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest := strings.Trim(strings.TrimPrefix(r.URL.Path, v.prefix), "/")
		if rest == "" {
			onlyGet(v.style, v.root)(w, r)
			return
		}
		version, rest, _ := strings.Cut(rest, "/")
		switch {
		case !slices.Contains(v.versions, version):
			v.unknown(w, r)
		case rest == "":
			onlyGet(v.style, func(w http.ResponseWriter, r *http.Request) { v.document(w, r, version) })(w, r)
		default:
			v.within(a.Identity, inner, version, rest).ServeHTTP(w, r)
		}
	})
}

// versionPath is the path of a version: a parameter where there are several.
func (v versioned) versionPath() string {
	if len(v.versions) == 1 {
		return v.prefix + "/" + v.versions[0]
	}
	return v.prefix + "/{" + strings.TrimPrefix(v.prefix, "/") + "_version}"
}

// base is the path that the routes stand below.
func (v versioned) base() string {
	if v.project {
		return v.versionPath() + "/{project}"
	}
	return v.versionPath()
}

// within hands a request on with the path that is left below the version,
// and checks the project where the path names one.
func (v versioned) within(identity infra.Identity, inner http.Handler, version, rest string) http.Handler {
	first, below, found := strings.Cut(rest, "/")
	switch {
	case !v.project || v.isResource(first):
		return withPath(inner, "/"+rest)
	case !found: // the address that the service catalogue gives
		return onlyGet(v.style, func(w http.ResponseWriter, r *http.Request) { v.document(w, r, version) })
	}
	inner = withPath(inner, "/"+below)
	return auth.Require(identity, v.style, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if own := project(r); first != own {
			respond.Error(w, r, v.style, hanok.Invalid("url", "project %s is not the project %s of the token", first, own))
			return
		}
		inner.ServeHTTP(w, r)
	}))
}

// isResource tells a resource's name from a project's id, which is 32 hex
// digits or a UUID.
func (v versioned) isResource(segment string) bool {
	if len(segment) != 32 && len(segment) != 36 {
		return true
	}
	return strings.Trim(segment, "0123456789abcdefABCDEF-") != ""
}

// withPath hands requests on with another path: the one below version and
// project, for the mux.
func withPath(next http.Handler, path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := r.Clone(r.Context())
		c.URL.Path, c.URL.RawPath = strings.TrimSuffix(path, "/"), ""
		next.ServeHTTP(w, c)
	})
}

func (v versioned) byMethod(methods map[string]handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		h, ok := methods[method]
		if !ok {
			var allowed []string
			for m := range methods {
				allowed = append(allowed, m)
			}
			slices.Sort(allowed)
			if method == http.MethodOptions {
				respond.Options(w, allowed...)
				return
			}
			respond.MethodNotAllowed(w, r, v.style, allowed...)
			return
		}
		if err := h(w, r); err != nil {
			respond.Error(w, r, v.style, err)
		}
	})
}

func (v versioned) unknown(w http.ResponseWriter, r *http.Request) {
	respond.Error(w, r, v.style, hanok.Errorf(hanok.KindNotFound, "%s %s is not offered here", r.Method, respond.ShownPath(r.URL.Path)))
}

func onlyGet(style respond.Style, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			h(w, r)
		case http.MethodOptions:
			respond.Options(w, http.MethodGet)
		default:
			respond.MethodNotAllowed(w, r, style, http.MethodGet)
		}
	}
}

func get(h handler) map[string]handler { return map[string]handler{http.MethodGet: h} }

// project is the caller's.
func project(r *http.Request) string { return auth.Token(r.Context()).ProjectID }
