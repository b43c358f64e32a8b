package agent

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

// join makes the machine known to the service: a key of its own and a
// certificate for it, traded for the token once and kept on disk. It tries
// until it succeeds and returns false when ctx ends first.
func (a *agent) join(ctx context.Context) bool {
	var pause backoff
	for {
		err := a.identify(ctx)
		if err == nil {
			a.status.clear("bootstrap")
			a.status.mark("bootstrapped")
			return true
		}
		a.log.Warn("not known to the service yet", "err", err)
		a.status.fail("bootstrap", err)
		if !pause.wait(ctx) {
			return false
		}
	}
}

// identify takes the certificate on disk while it serves, and asks for one
// otherwise. An old one that still serves is enough when asking fails.
func (a *agent) identify(ctx context.Context) error {
	key, keyPEM, err := a.machineKey()
	if err != nil {
		return err
	}
	a.status.mark("key")
	cert, err := a.storedCertificate(keyPEM)
	if err == nil && !aged(cert.Leaf, time.Now()) {
		a.service.use(cert)
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		a.log.Warn("the machine's certificate cannot be used; asking for another", "err", err)
	}
	renewed, askErr := a.bootstrap(ctx, key, keyPEM)
	switch {
	case askErr == nil:
		a.service.use(renewed)
		return nil
	case err == nil && time.Now().Before(cert.Leaf.NotAfter):
		a.log.Warn("the machine's certificate grows old and could not be renewed yet", "err", askErr)
		a.service.use(cert)
		return nil
	}
	return askErr
}

// machineKey reads the machine's key or makes it. It is on disk before it is
// first used: the token will be bound to it. So one that cannot be read was
// cut short by a crash, and nobody knows it.
func (a *agent) machineKey() (*ecdsa.PrivateKey, []byte, error) {
	keyPEM, err := os.ReadFile(a.path(keyFile))
	if err == nil {
		key, perr := parseKey(keyPEM)
		if perr == nil {
			return key, keyPEM, nil
		}
		a.log.Warn("the machine's key on disk is no key; making another", "path", keyFile, "err", perr)
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, nil, err
	}
	key, keyPEM, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	return key, keyPEM, createSynced(a.path(keyFile), keyPEM, 0o600)
}

// storedCertificate reads the certificate on disk; it must fit the key, the
// machine and the present.
func (a *agent) storedCertificate(keyPEM []byte) (*tls.Certificate, error) {
	certPEM, err := os.ReadFile(a.path(certFile))
	if err != nil {
		return nil, err
	}
	return a.checkCertificate(certPEM, keyPEM)
}

func (a *agent) checkCertificate(certPEM, keyPEM []byte) (*tls.Certificate, error) {
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, err
	}
	if name := cert.Leaf.Subject.CommonName; name != a.config.MachineKey {
		return nil, fmt.Errorf("it is of machine %q, not of %q", name, a.config.MachineKey)
	}
	if now := time.Now(); now.After(cert.Leaf.NotAfter) {
		return nil, fmt.Errorf("it expired at %s", cert.Leaf.NotAfter.Format(time.RFC3339))
	}
	return &cert, nil
}

// bootstrap trades the token for a certificate. The service gives the same
// key a certificate again, so a lost answer and a renewal are the same call.
func (a *agent) bootstrap(ctx context.Context, key *ecdsa.PrivateKey, keyPEM []byte) (*tls.Certificate, error) {
	csr, err := newRequest(key)
	if err != nil {
		return nil, err
	}
	var resp machine.BootstrapResponse
	err = a.service.post(ctx, machine.PathBootstrap, machine.BootstrapRequest{
		MachineKey: a.config.MachineKey,
		Token:      a.config.Token,
		CSR:        csr,
	}, &resp)
	if err != nil {
		return nil, err
	}
	cert, err := a.checkCertificate(resp.Certificate, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("the certificate from the service: %w", err)
	}
	// Losing it costs one more request after a power cut: no need to wait for the disk.
	return cert, writeFile(a.path(certFile), resp.Certificate, 0o600)
}

// aged tells whether two thirds of a certificate's life are over.
func aged(cert *x509.Certificate, now time.Time) bool {
	return now.After(renewAt(cert))
}

func renewAt(cert *x509.Certificate) time.Time {
	return cert.NotBefore.Add(cert.NotAfter.Sub(cert.NotBefore) / 3 * 2)
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

func parseKey(b []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(bytes.TrimSpace(b))
	if block == nil {
		return nil, errors.New("no key in PEM")
	}
	return x509.ParseECPrivateKey(block.Bytes)
}

// newRequest makes a CSR without a subject: the service knows who asks.
func newRequest(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}
