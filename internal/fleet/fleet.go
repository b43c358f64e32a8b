// Package fleet is the service's side of the machine agents: it lets machines
// in by their one-time token, hands each its desired state as soon as that
// changes, signs the certificates that the state lists, and keeps the last
// report of every machine. It knows nothing of HTTP (api/agentapi does) and
// nothing of what a state is made of (Render does).
package fleet

import (
	"context"
	"crypto/x509"
	"io"
	"log/slog"
	"sync"

	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
)

// Config is what a Fleet needs of the layers around it. The functions may be
// called from many goroutines at once.
type Config struct {
	Store store.Store
	Log   *slog.Logger

	// Render gives the desired state of a node. KindUnavailable says "not
	// known yet" (the machine's UUID has not been recorded, say): the agent's
	// request then waits instead of failing.
	Render func(ctx context.Context, nodeKey string) (machine.State, error)
	// Sign signs one certificate of a node's state with the cluster's CA. Of
	// the CSR only the public key counts; its signature has been checked.
	Sign func(ctx context.Context, nodeKey string, c machine.Certificate, csr *x509.CertificateRequest) (certPEM []byte, err error)
	// Blob opens content that the node's state names by its sha256, in hex.
	// What the node's state does not name is KindNotFound.
	Blob func(ctx context.Context, nodeKey, digest string) (io.ReadSeekCloser, error)
}

// Fleet speaks with every machine of the installation. All methods may be
// called at once.
type Fleet struct {
	cfg       Config
	authority *authority

	mu       sync.Mutex
	machines map[string]*member // by node key
	closed   bool
	done     chan struct{} // closed by Close
}

// New reads the installation's agent CA from the store, and makes it where
// there is none yet.
func New(ctx context.Context, cfg Config) (*Fleet, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a, err := openAuthority(ctx, cfg.Store)
	if err != nil {
		return nil, err
	}
	return &Fleet{
		cfg:       cfg,
		authority: a,
		machines:  make(map[string]*member),
		done:      make(chan struct{}),
	}, nil
}

// Close ends the waiting requests of the agents, so that a server can shut
// down at once. Agents come back by themselves. Safe to call twice.
func (f *Fleet) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.closed = true
		close(f.done)
	}
}
