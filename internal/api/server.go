// Package api puts the services' handlers together behind what they share:
// request ids, the access log, and the guard against panics.
package api

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
)

// Config is what a server is put together from. Handlers see the full path of
// a request. A nil handler's paths are 404.
type Config struct {
	Log *slog.Logger // nil: slog.Default()
	// PublicURL is the service's address as clients see it; "" takes it from
	// each request's Host.
	PublicURL string
	// Magnum answers "/", "/v1" and everything that has no other handler.
	Magnum http.Handler
	// Services are the other APIs by their path prefix ("/identity",
	// "/compute", "/network", …).
	Services map[string]http.Handler
	// Health, Ready and Metrics answer /healthz, /readyz and /metrics.
	Health, Ready, Metrics http.Handler
	// Observe, if set, is told of every answered request. service is a prefix
	// of Services without its slash, "container-infra", or "operations".
	Observe func(service, method string, status int, took time.Duration)
}

// operations are the paths for whoever runs the service.
func (c Config) operations() map[string]http.Handler {
	return map[string]http.Handler{
		"/openapi.yaml": http.HandlerFunc(describe), "/healthz": c.Health, "/readyz": c.Ready, "/metrics": c.Metrics,
	}
}

// Routes lists what a server answers besides the handlers that it is given
// by prefix ("GET /healthz").
func Routes() []string {
	var list []string
	for path := range (Config{}).operations() {
		list = append(list, http.MethodGet+" "+path)
	}
	slices.Sort(list)
	return list
}

// NewServer gives the handler of the whole service.
func NewServer(c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	mux := http.NewServeMux()
	mount := func(service, pattern string, h http.Handler) {
		if h != nil {
			mux.Handle(pattern, named(service, h))
		}
	}
	mount(serviceMagnum, "/", c.Magnum)
	for prefix, h := range c.Services {
		prefix = "/" + strings.Trim(prefix, "/")
		service := prefix[1:]
		mount(service, prefix, h)
		mount(service, prefix+"/", h)
	}
	for path, h := range c.operations() {
		if h != nil {
			mount(serviceOperations, path, onlyGet(h))
		}
	}
	return observed(c, guarded(plainPaths(mux)))
}

const (
	serviceMagnum     = "container-infra"
	serviceOperations = "operations"
)

// Timeouts of a connection. Bodies are bounded by each handler; an upload
// moves its own deadlines.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	writeTimeout      = 2 * time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// HTTPServer gives a server for a handler with the time limits that this API
// is made for; the caller sets what else it needs and starts it.
func HTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// guarded answers 500 where a handler panics, and keeps the service alive.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler { // the handler's way to cut the connection
				panic(cause)
			}
			respond.Error(w, r, respond.Magnum, &hanok.Error{Kind: hanok.KindInternal, Detail: "panic", Err: panicked(cause)})
		}()
		next.ServeHTTP(w, r)
	})
}
