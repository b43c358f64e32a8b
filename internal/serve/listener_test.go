package serve

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	pool := x509.NewCertPool()
	writeCertificate(t, certFile, keyFile, 1, pool)
	i := start(t, configure(t, dir, "--tls-cert", certFile, "--tls-key", keyFile))
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	if status, _ := get(t, c, i.url+"/readyz"); status != 200 {
		t.Errorf("/readyz over TLS: %d", status)
	}
	resp, err := http.Get(strings.Replace(i.url, "https:", "http:", 1) + "/readyz")
	if err == nil {
		resp.Body.Close()
		if resp.StatusCode == 200 {
			t.Error("clear text is answered on the TLS listener")
		}
	}

	bad := configure(t, t.TempDir(), "--tls-cert", keyFile, "--tls-key", certFile)
	if err := Run(context.Background(), bad, options(t, io.Discard)); err == nil || !strings.Contains(err.Error(), "tls-cert") {
		t.Errorf("a certificate that is none: %v", err)
	}
}

func TestCertificateIsReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := &certificate{certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem")}
	serial := func() int64 {
		t.Helper()
		pair, err := c.get()
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.SerialNumber.Int64()
	}
	writeCertificate(t, c.certFile, c.keyFile, 1, x509.NewCertPool())
	if got := serial(); got != 1 {
		t.Fatalf("serial number %d, want 1", got)
	}
	writeCertificate(t, c.certFile, c.keyFile, 2, x509.NewCertPool())
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(c.certFile, later, later); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != 1 {
		t.Errorf("the files are read at every handshake")
	}
	c.looked = time.Time{}
	if got := serial(); got != 2 {
		t.Errorf("serial number %d after the renewal, want 2", got)
	}
	// A renewal that went wrong leaves the last good one.
	if err := os.WriteFile(c.certFile, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.looked = time.Time{}
	if got := serial(); got != 2 {
		t.Errorf("serial number %d after a broken renewal, want 2", got)
	}
}

func writeCertificate(t *testing.T, certFile, keyFile string, serial int64, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(certFile, certPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		t.Fatal(err)
	}
	pool.AppendCertsFromPEM(certPEM)
}
