package respond

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/google/uuid"
)

// Call is what the layers of one request tell each other: its id, the
// configured public URL, and for the access log who called and what failed.
// Safe for use by several goroutines.
type Call struct {
	id        string
	publicURL string

	mu      sync.Mutex
	user    string
	project string
	err     error
}

type callKey struct{}

// NewCall begins a call with a fresh request id ("req-" and a UUID).
// publicURL is the service's own address as clients see it, "" to take it
// from each request's Host.
func NewCall(ctx context.Context, publicURL string) (context.Context, *Call) {
	c := &Call{id: "req-" + uuid.NewString(), publicURL: strings.TrimRight(publicURL, "/")}
	return context.WithValue(ctx, callKey{}, c), c
}

// callOf gives the call of a context, nil where none was begun.
func callOf(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// requestID gives the request id of a call, "" where none was begun.
func requestID(ctx context.Context) string {
	if c := callOf(ctx); c != nil {
		return c.id
	}
	return ""
}

// SetCaller notes who calls, for the access log.
func SetCaller(ctx context.Context, user, project string) {
	if c := callOf(ctx); c != nil {
		c.mu.Lock()
		c.user, c.project = user, project
		c.mu.Unlock()
	}
}

// ID is the request id.
func (c *Call) ID() string { return c.id }

// Caller gives the ids of the user and the project that called, "" where the
// call carried no valid token.
func (c *Call) Caller() (user, project string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.user, c.project
}

// Err is the error that was answered with, nil where there was none.
func (c *Call) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *Call) setErr(err error) {
	c.mu.Lock()
	c.err = err
	c.mu.Unlock()
}

// BaseURL is the address that links of an answer begin with, without a slash
// at its end: the configured public URL, or scheme and Host of the request.
func BaseURL(r *http.Request) string {
	if c := callOf(r.Context()); c != nil && c.publicURL != "" {
		return c.publicURL
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// ShownPath is a request's path as logs and errors, which are logged, show
// it: without the token that paths of Keystone's v2 end with.
func ShownPath(path string) string {
	if before, _, ok := strings.Cut(path, "/tokens/"); ok {
		return before + "/tokens/…"
	}
	return path
}
