package fleet

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/machine"
)

// retryRender is how often a state that is not known yet is asked for again,
// for the case that nobody calls Changed when it becomes known.
const retryRender = 100 * time.Millisecond

// State gives the desired state of a machine as soon as it is another than
// version, at the latest after wait: then changed is false. Several requests
// of one machine may wait at once.
func (f *Fleet) State(ctx context.Context, nodeKey, version string, wait time.Duration) (s machine.State, changed bool, err error) {
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	for {
		// The channel is taken before rendering: a change in between wakes us.
		f.mu.Lock()
		m := f.member(nodeKey)
		next, gone := m.changed, m.gone
		f.mu.Unlock()

		s, err = f.render(ctx, nodeKey)
		notYet := err != nil && hanok.KindOf(err) == hanok.KindUnavailable
		if err != nil && !notYet {
			return machine.State{}, false, err
		}
		if err == nil && s.Version != version {
			return s, true, nil
		}
		var again <-chan time.Time
		if notYet {
			again = time.After(retryRender)
		}
		select {
		case <-next:
		case <-again:
		case <-gone:
			return machine.State{}, false, hanok.NotFound("machine", nodeKey)
		case <-f.done:
			return machine.State{}, false, hanok.Errorf(hanok.KindUnavailable, "the service is stopping; ask again")
		case <-ctx.Done():
			return machine.State{}, false, ctx.Err()
		case <-timeout.C:
			return machine.State{}, false, err // nil, or why there is no state yet
		}
	}
}

// render asks for the state and remembers which certificates it lists.
func (f *Fleet) render(ctx context.Context, nodeKey string) (machine.State, error) {
	f.mu.Lock()
	m := f.member(nodeKey)
	before := m.changed
	f.mu.Unlock()

	s, err := f.cfg.Render(ctx, nodeKey)
	if err != nil {
		return machine.State{}, err
	}
	if s.Version == "" {
		s.Version = s.Hash()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if m.changed == before { // else what was rendered may be old already
		m.certificates = slices.Clone(s.Certificates)
		if m.certificates == nil {
			m.certificates = []machine.Certificate{}
		}
	}
	return s, nil
}

// Certificates signs certificates that the machine's current state lists; any
// other name is KindForbidden. All are signed, or none is given out.
func (f *Fleet) Certificates(ctx context.Context, nodeKey string, req machine.CertificateRequest) (machine.CertificateResponse, error) {
	resp := machine.CertificateResponse{Certificates: make(map[string][]byte, len(req.CSRs))}
	for _, r := range req.CSRs {
		cert, err := f.certificate(ctx, nodeKey, r)
		if err != nil {
			return machine.CertificateResponse{}, err
		}
		resp.Certificates[r.Name] = cert
	}
	return resp, nil
}

func (f *Fleet) certificate(ctx context.Context, nodeKey string, r machine.NamedCSR) ([]byte, error) {
	csr, err := parseRequest(r.CSR)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	listed := f.member(nodeKey).certificates
	f.mu.Unlock()
	if listed == nil {
		s, err := f.render(ctx, nodeKey)
		if err != nil {
			return nil, err
		}
		listed = s.Certificates
	}
	i := slices.IndexFunc(listed, func(c machine.Certificate) bool { return c.Name == r.Name })
	if i < 0 {
		return nil, hanok.Errorf(hanok.KindForbidden, "the state of machine %s lists no certificate %q", nodeKey, r.Name)
	}
	cert, err := f.cfg.Sign(ctx, nodeKey, listed[i], csr)
	if err != nil {
		return nil, fmt.Errorf("certificate %s of machine %s: %w", r.Name, nodeKey, err)
	}
	f.cfg.Log.Info("certificate signed", "machine", nodeKey, "certificate", r.Name)
	return cert, nil
}

// Blob opens content that the machine's state names by digest (sha256, hex).
// The caller closes it.
func (f *Fleet) Blob(ctx context.Context, nodeKey, digest string) (io.ReadSeekCloser, error) {
	if f.cfg.Blob == nil {
		return nil, hanok.NotFound("blob", digest)
	}
	return f.cfg.Blob(ctx, nodeKey, digest)
}
