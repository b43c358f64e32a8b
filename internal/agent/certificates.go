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
	"time"

	"github.com/hanok/hanok/internal/machine"
)

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
	given, err := a.request(ctx, wanted)
	if err != nil {
		for _, c := range wanted {
			if _, herr := a.held(c); herr != nil || issued[c.Name] != description(c) {
				return time.Time{}, err
			}
		}
		a.log.Warn("certificates grow old and could not be renewed yet", "err", err)
		return time.Now().Add(time.Minute), nil
	}
	for i, c := range wanted {
		// A crash between the two leaves a pair that does not fit, which held finds.
		if err := writeFile(a.path(c.KeyPath), given[i].keyPEM, 0o600); err != nil {
			return time.Time{}, fmt.Errorf("certificate %s: %w", c.Name, err)
		}
		if err := writeFile(a.path(c.CertPath), given[i].certPEM, 0o644); err != nil {
			return time.Time{}, fmt.Errorf("certificate %s: %w", c.Name, err)
		}
		issued[c.Name] = description(c)
		if given[i].renew.Before(next) {
			next = given[i].renew
		}
	}
	return next, writeJSON(a.path(issuedFile), issued, 0o600)
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

// pair is a certificate with its key.
type pair struct {
	keyPEM, certPEM []byte
	renew           time.Time
}

// request makes a new key for each certificate and has all certified at once.
func (a *agent) request(ctx context.Context, certs []machine.Certificate) ([]pair, error) {
	pairs := make([]pair, len(certs))
	var req machine.CertificateRequest
	for i, c := range certs {
		key, keyPEM, err := newKey()
		if err != nil {
			return nil, err
		}
		csr, err := newRequest(key)
		if err != nil {
			return nil, err
		}
		pairs[i].keyPEM = keyPEM
		req.CSRs = append(req.CSRs, machine.NamedCSR{Name: c.Name, CSR: csr})
	}
	var resp machine.CertificateResponse
	if err := a.service.post(ctx, machine.PathCertificate, req, &resp); err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	for i, c := range certs {
		pairs[i].certPEM = resp.Certificates[c.Name]
		cert, err := tls.X509KeyPair(pairs[i].certPEM, pairs[i].keyPEM)
		if err != nil {
			return nil, fmt.Errorf("certificate %s from the service: %w", c.Name, err)
		}
		pairs[i].renew = renewAt(cert.Leaf)
	}
	return pairs, nil
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
