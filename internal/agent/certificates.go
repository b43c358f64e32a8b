package agent

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

// certifyAtOnce is how many certificates are asked for side by side.
const certifyAtOnce = 4

// certify makes sure of every certificate of the state: issued for this
// description, with its key, and less than two thirds through its life. One
// that is old but serves is kept while the service is away. It gives the time
// of the next renewal.
func (a *agent) certify(ctx context.Context, certs []machine.Certificate) (time.Time, error) {
	// issued holds, by name, the hash of the description each was issued for:
	// what the certificate itself says cannot tell which CA was asked.
	issued := make(map[string]string)
	if err := readJSON(a.path(issuedFile), &issued); err != nil && !errors.Is(err, os.ErrNotExist) {
		a.log.Warn("certificates are asked for anew", "err", err)
	}
	next := time.Now().Add(24 * time.Hour)
	var wanted []machine.Certificate
	for _, c := range certs {
		renew, err := a.held(c)
		switch {
		case err != nil || issued[c.Name] != description(c):
			wanted = append(wanted, c)
		case time.Now().After(renew):
			wanted = append(wanted, c)
		case renew.Before(next):
			next = renew
		}
	}
	if len(wanted) == 0 {
		return next, nil
	}
	var (
		mu       sync.Mutex
		failures []error
		wg       sync.WaitGroup
		slots    = make(chan struct{}, certifyAtOnce)
	)
	for _, c := range wanted {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			renew, err := a.request(ctx, c)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				issued[c.Name] = description(c)
				if renew.Before(next) {
					next = renew
				}
				return
			}
			if _, herr := a.held(c); herr == nil && issued[c.Name] == description(c) {
				a.log.Warn("a certificate could not be renewed yet", "certificate", c.Name, "err", err)
				next = time.Now().Add(time.Minute)
				return
			}
			failures = append(failures, fmt.Errorf("certificate %s: %w", c.Name, err))
		})
	}
	wg.Wait()
	if err := writeJSON(a.path(issuedFile), issued, 0o600); err != nil {
		failures = append(failures, err)
	}
	return next, errors.Join(failures...)
}

// held checks the certificate on disk and gives the time of its renewal.
func (a *agent) held(c machine.Certificate) (time.Time, error) {
	certPEM, err := os.ReadFile(a.path(c.CertPath))
	if err != nil {
		return time.Time{}, err
	}
	keyPEM, err := os.ReadFile(a.path(c.KeyPath))
	if err != nil {
		return time.Time{}, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return time.Time{}, err
	}
	if time.Now().After(pair.Leaf.NotAfter) {
		return time.Time{}, errors.New("expired")
	}
	return renewAt(pair.Leaf), nil
}

// request makes a new key, has it certified and puts both in place.
func (a *agent) request(ctx context.Context, c machine.Certificate) (renew time.Time, err error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return time.Time{}, err
	}
	csr, err := newRequest(key)
	if err != nil {
		return time.Time{}, err
	}
	var resp machine.CertificateResponse
	if err := a.service.post(ctx, machine.PathCertificate, machine.CertificateRequest{Name: c.Name, CSR: csr}, &resp); err != nil {
		return time.Time{}, err
	}
	pair, err := tls.X509KeyPair(resp.Certificate, keyPEM)
	if err != nil {
		return time.Time{}, fmt.Errorf("from the service: %w", err)
	}
	// A crash between the two leaves a pair that does not fit, which held finds.
	if err := writeFile(a.path(c.KeyPath), keyPEM, 0o600); err != nil {
		return time.Time{}, err
	}
	if err := writeFile(a.path(c.CertPath), resp.Certificate, 0o644); err != nil {
		return time.Time{}, err
	}
	return renewAt(pair.Leaf), nil
}

// description is a short form of what a certificate is to say.
func description(c machine.Certificate) string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // plain data always marshals
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
