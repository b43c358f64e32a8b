// Package kube knows Kubernetes: a cluster's authorities and kubeconfigs,
// the settings of its components as desired states of machines, its add-ons,
// and a small client for its API. It knows nothing of HTTP routes, stores or
// drivers.
package kube

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

// Lives of certificates. Leaves live five years (behaviour of NKS, its
// default term); an authority outlives every leaf that it may ever sign.
const (
	leafValidity      = 5 * 365 * 24 * time.Hour
	authorityValidity = 30 * 365 * 24 * time.Hour
	// backdate is how far a clock may be put back before a cluster's
	// certificates are ones of the future, which its parts refuse.
	backdate = 24 * time.Hour
)

// Names of a cluster's secrets in the store.
const (
	SecretCACert         = "ca.crt"
	SecretCAKey          = "ca.key"
	SecretFrontProxyCert = "front-proxy-ca.crt"
	SecretFrontProxyKey  = "front-proxy-ca.key"
	SecretSAKey          = "sa.key"
	SecretSAPub          = "sa.pub"
	SecretEncryptionKey  = "encryption.key" // base64, 32 bytes, of the Secrets' encryption at rest
	SecretAdminCert      = "admin.crt"
	SecretAdminKey       = "admin.key"
)

// NewSecrets makes everything secret that a new cluster needs: its
// authorities, the service-account key, the encryption key, and the admin's
// client certificate. now is the start of their lives.
func NewSecrets(clusterName string, now time.Time) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, a := range []struct{ cn, cert, key string }{
		{"kubernetes", SecretCACert, SecretCAKey},
		{"kubernetes-front-proxy", SecretFrontProxyCert, SecretFrontProxyKey},
	} {
		cert, key, err := newAuthority(a.cn, clusterName, now)
		if err != nil {
			return nil, err
		}
		out[a.cert], out[a.key] = cert, key
	}
	sa, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("service-account key: %w", err)
	}
	if out[SecretSAKey], err = encodeKey(sa); err != nil {
		return nil, err
	}
	pub, err := x509.MarshalPKIXPublicKey(sa.Public())
	if err != nil {
		return nil, fmt.Errorf("service-account public key: %w", err)
	}
	out[SecretSAPub] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub})
	enc := make([]byte, 32)
	if _, err := rand.Read(enc); err != nil {
		return nil, fmt.Errorf("encryption key: %w", err)
	}
	out[SecretEncryptionKey] = []byte(base64.StdEncoding.EncodeToString(enc))

	ca, err := LoadAuthority(out[SecretCACert], out[SecretCAKey])
	if err != nil {
		return nil, err
	}
	cert, key, err := ca.clientCertificate("admin", []string{"system:masters"}, now, leafValidity)
	if err != nil {
		return nil, err
	}
	out[SecretAdminCert], out[SecretAdminKey] = cert, key
	return out, nil
}

// Authority signs certificates. Its methods may be called at once.
type Authority struct {
	Cert *x509.Certificate
	key  crypto.Signer
}

// LoadAuthority reads an authority from its PEM certificate and key.
func LoadAuthority(certPEM, keyPEM []byte) (*Authority, error) {
	cert, err := parseCertificate(certPEM)
	if err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	block, _ := pem.Decode(keyPEM)
	if block == nil {
		return nil, errors.New("authority: the key is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("authority: key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("authority: a key of type %T cannot sign", key)
	}
	return &Authority{Cert: cert, key: signer}, nil
}

// Sign answers a machine's CSR for one of the certificates of its desired
// state. Only the public key is taken from the CSR: subject, names and uses
// come from want, so a machine cannot ask for more than it was given.
func (a *Authority) Sign(want machine.Certificate, csr *x509.CertificateRequest, now time.Time) ([]byte, error) {
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("certificate %q: the request is not signed by its key: %w", want.Name, err)
	}
	t := leaf(want.CommonName, want.Organizations, now, leafValidity)
	t.DNSNames = want.DNSNames
	for _, s := range want.IPs {
		ip := net.ParseIP(s)
		if ip == nil {
			return nil, fmt.Errorf("certificate %q: %q is not an IP address", want.Name, s)
		}
		t.IPAddresses = append(t.IPAddresses, ip)
	}
	if want.Client {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	if want.Server {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	return a.sign(t, csr.PublicKey)
}

// clientCertificate makes a key and a client certificate for it, both PEM.
func (a *Authority) clientCertificate(cn string, orgs []string, now time.Time, validity time.Duration) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("client key of %s: %w", cn, err)
	}
	t := leaf(cn, orgs, now, validity)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if certPEM, err = a.sign(t, key.Public()); err != nil {
		return nil, nil, err
	}
	keyPEM, err = encodeKey(key)
	return certPEM, keyPEM, err
}

func (a *Authority) sign(t *x509.Certificate, pub crypto.PublicKey) ([]byte, error) {
	if t.NotAfter.After(a.Cert.NotAfter) {
		t.NotAfter = a.Cert.NotAfter
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	t.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, t, a.Cert, pub, a.key)
	if err != nil {
		return nil, fmt.Errorf("signing for %s: %w", t.Subject.CommonName, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

func leaf(cn string, orgs []string, now time.Time, validity time.Duration) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: cn, Organization: orgs},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(validity),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		BasicConstraintsValid: true,
	}
}

func newAuthority(cn, cluster string, now time.Time) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("authority %s: %w", cn, err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, nil, err
	}
	pub, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, nil, fmt.Errorf("authority %s: %w", cn, err)
	}
	id := sha256.Sum256(pub)
	t := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: cn, Organization: []string{cluster}},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(authorityValidity),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
		SubjectKeyId:          id[:20],
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("authority %s: %w", cn, err)
	}
	keyPEM, err = encodeKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), keyPEM, err
}

func newSerial() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("certificate serial: %w", err)
	}
	return serial.Add(serial, big.NewInt(1)), nil
}

func encodeKey(key crypto.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func parseCertificate(certPEM []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(certPEM)
	if block == nil {
		return nil, errors.New("the certificate is not PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}
