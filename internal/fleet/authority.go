package fleet

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
)

// The installation's agent CA among its secrets: certificate and key, PEM.
const authoritySecret = "agent-ca"

const (
	authorityLife = 20 * 365 * 24 * time.Hour
	leafLife      = 365 * 24 * time.Hour
	// clockSkew is how far the clock may be put back before certificates are
	// ones of the future, which nobody accepts.
	clockSkew = 24 * time.Hour
)

// authority signs the certificates of the agent connection, and only those:
// a cluster's own CA has nothing to do with it.
type authority struct {
	cert    *x509.Certificate
	key     *ecdsa.PrivateKey
	certPEM []byte
	pool    *x509.CertPool

	mu     sync.Mutex
	server *tls.Certificate // renewed when two thirds of its life are over
}

// openAuthority reads the CA from the store or makes it. Two services that
// start at once agree on one, because the look and the write are one
// transaction.
func openAuthority(ctx context.Context, s store.Store) (*authority, error) {
	var stored []byte
	err := s.Update(ctx, func(tx store.Tx) error {
		b, err := tx.Secret("", authoritySecret)
		if err == nil {
			stored = b
			return nil
		}
		if hanok.KindOf(err) != hanok.KindNotFound {
			return err
		}
		if stored, err = newAuthority(); err != nil {
			return err
		}
		return tx.PutSecret("", authoritySecret, stored)
	})
	if err != nil {
		return nil, fmt.Errorf("agent CA: %w", err)
	}
	a, err := parseAuthority(stored)
	if err != nil {
		return nil, fmt.Errorf("agent CA in the store's secret %q: %w", authoritySecret, err)
	}
	return a, nil
}

// newAuthority makes a CA and gives its certificate and key in PEM.
func newAuthority() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber:          serialNumber(),
		Subject:               pkix.Name{CommonName: "hanok agents"},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	b.Write(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	return b.Bytes(), nil
}

func parseAuthority(b []byte) (*authority, error) {
	pair, err := tls.X509KeyPair(b, b)
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("its key is a %T, not an ECDSA key", pair.PrivateKey)
	}
	a := &authority{cert: pair.Leaf, key: key, pool: x509.NewCertPool()}
	a.certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Leaf.Raw})
	a.pool.AddCert(pair.Leaf)
	return a, nil
}

// sign gives a certificate of the agent connection, in DER.
func (a *authority) sign(name string, pub any, usage x509.ExtKeyUsage, dnsNames ...string) ([]byte, error) {
	now := time.Now()
	return x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber:          serialNumber(),
		Subject:               pkix.Name{CommonName: name},
		DNSNames:              dnsNames,
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(leafLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{usage},
		BasicConstraintsValid: true,
	}, a.cert, pub, a.key)
}

// serverCertificate gives the listener's certificate, made in memory: only
// the CA has to outlive the service.
func (a *authority) serverCertificate() (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.server != nil && time.Until(a.server.Leaf.NotAfter) > leafLife/3 {
		return a.server, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := a.sign(machine.ServerName, key.Public(), x509.ExtKeyUsageServerAuth, machine.ServerName)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a.server = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	return a.server, nil
}

// CA gives the certificate that agents verify the service by, in PEM
// (machine.Config.ServiceCA).
func (f *Fleet) CA() []byte { return bytes.Clone(f.authority.certPEM) }

// TLSConfig is the configuration of the agents' listener. A client
// certificate is verified where one is given; a machine that still has only
// its token has none, so each request must be checked with Authorize.
func (f *Fleet) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ClientAuth: tls.VerifyClientCertIfGiven,
		ClientCAs:  f.authority.pool,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return f.authority.serverCertificate()
		},
	}
}

func serialNumber() *big.Int {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[0] &= 0x7f    // serial numbers are positive
	return new(big.Int).SetBytes(b[:])
}
