package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/hanok/hanok/internal/api/respond"
)

// observed gives every request its id, and writes the access log. The log has
// paths but no queries, headers or bodies: secrets travel in those.
func observed(c Config, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		ctx, call := respond.NewCall(r.Context(), c.PublicURL)
		var service string
		ctx = context.WithValue(ctx, serviceKey{}, &service)
		w.Header().Set("X-OpenStack-Request-Id", call.ID())
		w.Header().Set("X-Content-Type-Options", "nosniff")
		rec := &recorder{ResponseWriter: w}
		defer func() {
			if rec.status == 0 {
				rec.status = http.StatusOK
			}
			took := time.Since(begun)
			if c.Observe != nil {
				c.Observe(service, r.Method, rec.status, took)
			}
			writeAccess(ctx, c.Log, r, rec, call, service, took)
		}()
		next.ServeHTTP(rec, r.WithContext(ctx))
	})
}

func writeAccess(ctx context.Context, log *slog.Logger, r *http.Request, rec *recorder, call *respond.Call, service string, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case rec.status >= 500 && rec.status != http.StatusNotImplemented:
		level = slog.LevelError
	case service == serviceOperations: // probes come every few seconds
		level = slog.LevelDebug
	}
	user, project := call.Caller()
	attrs := []slog.Attr{
		slog.String("request_id", call.ID()), slog.String("remote", r.RemoteAddr),
		slog.String("method", r.Method), slog.String("path", respond.ShownPath(r.URL.Path)),
		slog.Int("status", rec.status), slog.Int64("bytes", rec.bytes), slog.Duration("took", took),
	}
	if user != "" {
		attrs = append(attrs, slog.String("user", user), slog.String("project", project))
	}
	if err := call.Err(); err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	log.LogAttrs(ctx, level, "request", attrs...)
}

type serviceKey struct{}

// named tells the access log which service answers.
func named(service string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, ok := r.Context().Value(serviceKey{}).(*string); ok {
			*p = service
		}
		h.ServeHTTP(w, r)
	})
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader notes the first final status; a panic after it must not send a second.
func (r *recorder) WriteHeader(status int) {
	if r.status != 0 {
		return
	}
	if status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection's deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// panicked keeps a panic and where it came from, for the log.
func panicked(cause any) error { return fmt.Errorf("%v\n%s", cause, debug.Stack()) }
