// Package agentapi is the HTTP side of the machine agents: the paths of
// package machine over the fleet. It has a listener of its own, and mutual
// TLS is its only way in: a machine's certificate opens what is that
// machine's, and only a bootstrap comes without one.
package agentapi

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/fleet"
	"github.com/hanok/hanok/internal/machine"
)

// Limits of request bodies, in bytes. A CSR is below 1 KiB; a report grows by
// about 300 bytes with each process.
const (
	maxRequest = 64 << 10
	maxReport  = 256 << 10
)

// maxWait bounds how long a state request may hang.
const maxWait = time.Minute

// handler answers the agents.
type handler struct {
	fleet *fleet.Fleet
	log   *slog.Logger
}

// newHandler gives the handler of the agent paths. It must be served with the
// fleet's TLSConfig: see NewServer.
func newHandler(f *fleet.Fleet, log *slog.Logger) http.Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h := &handler{fleet: f, log: log}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+machine.PathBootstrap, h.bootstrap)
	mux.HandleFunc("GET "+machine.PathState, h.authorized(h.state))
	mux.HandleFunc("POST "+machine.PathReport, h.authorized(h.report))
	mux.HandleFunc("POST "+machine.PathCertificate, h.authorized(h.certificate))
	mux.HandleFunc("GET "+machine.PathBlob+"{digest}", h.authorized(h.blob))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		h.fail(w, r, hanok.NotFound("path", r.Method+" "+r.URL.Path))
	})
	return mux
}

// NewServer gives a server for the agents' listener, with the fleet's
// certificates and time-outs that bear long polls; start it with
// ServeTLS(listener, "", ""). Its Shutdown ends waiting polls at once.
func NewServer(f *fleet.Fleet, log *slog.Logger) *http.Server {
	s := &http.Server{
		Handler:           newHandler(f, log),
		TLSConfig:         f.TLSConfig(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       3 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		// HTTP/1.1 alone: an agent has two connections, and frames and
		// windows of HTTP/2 would cost it memory for nothing.
		Protocols: new(http.Protocols),
	}
	s.Protocols.SetHTTP1(true)
	if log != nil {
		s.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	}
	s.RegisterOnShutdown(f.Close)
	return s
}

// authorized lets through who shows the certificate of a machine that exists,
// and says which.
func (h *handler) authorized(next func(http.ResponseWriter, *http.Request, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		cert := peer(r)
		if cert == nil {
			h.fail(w, r, hanok.Errorf(hanok.KindUnauthorized,
				"a client certificate is needed; trade the bootstrap token for one at %s", machine.PathBootstrap))
			return
		}
		key, err := h.fleet.Authorize(r.Context(), cert)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		next(w, r, key)
	}
}

// peer gives the verified certificate of the caller, nil where there is none.
func peer(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	return r.TLS.VerifiedChains[0][0]
}

// fail answers with an error and logs what the machine cannot help.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the agent hung up; there is no one to answer
	}
	kind := hanok.KindOf(err)
	detail := "the service failed to handle the request; its log has the reason"
	if kind == hanok.KindInternal {
		h.log.Error("agent request failed", "path", r.URL.Path, "err", err)
	} else {
		h.log.Debug("agent request refused", "path", r.URL.Path, "err", err)
		var e *hanok.Error
		if errors.As(err, &e) {
			detail = e.Detail
			if e.Field != "" {
				detail = e.Field + ": " + detail
			}
		}
	}
	respond.JSON(w, respond.Status(kind), machine.ErrorResponse{Error: detail})
}

// decode reads a JSON body of limited size into v.
func decode(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit))
	err := dec.Decode(v)
	if err == nil {
		// The rest must be read for the connection to be used again.
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = errors.New("something follows the JSON value")
		}
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return hanok.Errorf(hanok.KindTooLarge, "the body is over the limit of %d bytes", limit)
	}
	return &hanok.Error{Kind: hanok.KindInvalid, Detail: fmt.Sprintf("the body is no valid JSON for this path: %v", err), Err: err}
}
