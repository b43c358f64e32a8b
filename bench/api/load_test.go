package main

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// answering gives the address of a server that answers everything alike.
func answering(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestDriveCountsAnswers(t *testing.T) {
	t.Parallel()
	for _, chunked := range []bool{false, true} {
		var served atomic.Int64
		address := answering(t, func(w http.ResponseWriter, r *http.Request) {
			served.Add(1)
			if chunked {
				w.(http.Flusher).Flush()
			}
			_, _ = w.Write([]byte("body for " + r.Header.Get("X-Auth-Token") + strings.Repeat(".", 5000)))
		})
		s := scenario{"any", func(*rand.Rand) request { return request{path: "/", token: "me", want: "body for me"} }}
		all, err := drive(t.Context(), address, s, 3, 50*time.Millisecond)
		if err != nil || len(all) == 0 || int64(len(all)) > served.Load() {
			t.Errorf("chunked %t: %d answers of %d, %v", chunked, len(all), served.Load(), err)
		}
	}
}

// A wrong answer is an error, never a fast request.
func TestDriveChecksAnswers(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"another body": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("else")) },
		"an error":     func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "wanted", http.StatusInternalServerError) },
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("wanted"))
		},
	} {
		s := scenario{"any", func(*rand.Rand) request { return request{path: "/", want: "wanted"} }}
		if _, err := drive(t.Context(), answering(t, h), s, 1, 50*time.Millisecond); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	s := scenario{"any", func(*rand.Rand) request { return request{path: "/"} }}
	if _, err := drive(context.Background(), nobody, s, 1, time.Millisecond); err == nil {
		t.Error("nobody listens, and there is no error")
	}
}

// Small fillings work as the full one does, down to the answers.
func TestBench(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := options{clusters: 12, projects: 2}
	targets, err := fill(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, target := range targets {
		n += len(target.clusters)
	}
	if len(targets) != 2 || n != 12 || len(targets[0].clusters) <= len(targets[1].clusters) {
		t.Errorf("%d projects with %d clusters, the first with %d", len(targets), n, len(targets[0].clusters))
	}
	for _, s := range scenarios(targets) {
		r := s.make(rand.New(rand.NewPCG(1, 1)))
		if r.path == "" || r.token == "" || r.want == "" {
			t.Errorf("%s asks %+v", s.name, r)
		}
	}
}
