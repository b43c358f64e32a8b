package magnum

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/respond"
)

const (
	imagesPath = "/v1/clusters/{cluster}/images"
	// requestTimeout bounds every request but uploads: none waits for an operation.
	requestTimeout = time.Minute
)

// handlerFunc answers a request, or gives the error to answer with.
type handlerFunc func(w http.ResponseWriter, r *http.Request) error

// routes gives the handler of each path and method. What the guides have and
// hanok not yet is in notBuilt.
func (a *api) routes() map[string]map[string]handlerFunc {
	return map[string]map[string]handlerFunc{
		"/v1/clusters": {
			http.MethodGet: a.listClusters, http.MethodPost: a.createCluster,
		},
		"/v1/clusters/detail": {http.MethodGet: a.listClustersInDetail},
		"/v1/clusters/{cluster}": {
			http.MethodGet: a.getCluster, http.MethodDelete: a.deleteCluster, http.MethodPatch: a.patchCluster,
		},
		"/v1/clusters/{cluster}/config":         {http.MethodGet: a.getKubeconfig},
		imagesPath:                              {http.MethodPut: a.loadImage},
		"/v1/clusters/{cluster}/events":         {http.MethodGet: a.listEvents},
		"/v1/clusters/{cluster}/events/{event}": {http.MethodGet: a.getEvent},
		"/v1/clusters/{cluster}/actions/resize": {http.MethodPost: a.resize},
		"/v1/clusters/{cluster}/nodegroups":     {http.MethodGet: a.listNodeGroups, http.MethodPost: a.createNodeGroup},
		groupPath: {
			http.MethodGet: a.getNodeGroup, http.MethodDelete: a.deleteNodeGroup, http.MethodPatch: a.patchNodeGroup,
		},
		groupPath + "/stop_node":          {http.MethodPost: a.stopNodes},
		groupPath + "/start_node":         {http.MethodPost: a.startNodes},
		groupPath + "/userscript":         {http.MethodPost: a.setUserScript},
		"/v1/certificates/{cluster}":      {http.MethodGet: a.getCertificate},
		"/v1/certificates":                {http.MethodPost: a.signCertificate},
		"/v1/clustertemplates":            {http.MethodGet: a.listTemplates},
		"/v1/clustertemplates/{template}": {http.MethodGet: a.getTemplate},
		"/v1/quotas":                      {http.MethodGet: a.listQuotas, http.MethodPost: a.createQuota},
		"/v1/quotas/{project}/{resource}": {
			http.MethodGet: a.getQuota, http.MethodPatch: a.updateQuota, http.MethodDelete: a.deleteQuota,
		},
		"/v1/stats":    {http.MethodGet: a.getStats},
		"/v1/supports": {http.MethodGet: a.getSupports},
	}
}

// table gives all routes, those that are not built too.
func (a *api) table() map[string]map[string]handlerFunc {
	table := a.routes()
	for _, op := range notBuilt {
		if table[op.path] == nil {
			table[op.path] = map[string]handlerFunc{}
		}
		table[op.path][op.method] = a.refuse(op)
	}
	return table
}

// Routes lists what the handler answers ("GET /v1/clusters"), but for the
// paths of the older guide that are refused with what to use instead.
func Routes() []string {
	list := []string{"GET /", "GET /v1"}
	for path, methods := range (&api{}).table() {
		for method := range methods {
			list = append(list, method+" "+path)
		}
	}
	slices.Sort(list)
	return list
}

// handler assembles the routes: the version documents for everybody, all else
// behind a token and a microversion that is understood.
func (a *api) handler() http.Handler {
	table := a.table()
	mux := http.NewServeMux()
	for path, methods := range table {
		if path != imagesPath { // an upload has a time limit of its own
			for method, h := range methods {
				methods[method] = within(requestTimeout, h)
			}
		}
		mux.Handle(path, dispatch(methods))
	}
	mux.Handle("/v1/", answer(unknownPath))
	protected := auth.Require(a.Identity, respond.Magnum, microversion(leftovers(mux)))

	open := http.NewServeMux()
	open.Handle("/{$}", dispatch(map[string]handlerFunc{http.MethodGet: getVersions}))
	open.Handle("/v1", dispatch(map[string]handlerFunc{http.MethodGet: getVersion}))
	open.Handle("/v1/", protected)
	open.Handle("/", answer(unknownPath))
	return withoutTrailingSlash(open)
}

// dispatch picks the handler of a method; HEAD goes with GET.
func dispatch(methods map[string]handlerFunc) http.Handler {
	allowed := slices.Sorted(maps.Keys(methods))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		h, ok := methods[method]
		switch {
		case ok:
			answer(h).ServeHTTP(w, r)
		case method == http.MethodOptions:
			respond.Options(w, allowed...)
		default:
			respond.MethodNotAllowed(w, r, respond.Magnum, allowed...)
		}
	})
}

// within gives a handler a context that ends after d.
func within(d time.Duration, h handlerFunc) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), d)
		defer cancel()
		return h(w, r.WithContext(ctx))
	}
}

// answer turns a handler's error into Magnum's body.
func answer(h handlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			respond.Error(w, r, respond.Magnum, err)
		}
	})
}

func unknownPath(_ http.ResponseWriter, r *http.Request) error {
	return hanok.Errorf(hanok.KindNotFound, "there is nothing at %s", hanok.Quote(respond.ShownPath(r.URL.Path)))
}

// withoutTrailingSlash lets "/v1/clusters/" be "/v1/clusters": clients send both.
func withoutTrailingSlash(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.Path; len(p) > 1 && strings.HasSuffix(p, "/") {
			u := *r.URL
			u.Path = strings.TrimSuffix(u.Path, "/")
			u.RawPath = strings.TrimSuffix(u.RawPath, "/")
			r2 := *r
			r2.URL = &u
			r = &r2
		}
		next.ServeHTTP(w, r)
	})
}

// bodyTooLarge tells whether err is the end of a limited body.
func bodyTooLarge(err error) bool {
	var tooLarge *http.MaxBytesError
	return errors.As(err, &tooLarge)
}
