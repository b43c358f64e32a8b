package kube

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

func newCSR(t *testing.T, subject pkix.Name) *x509.CertificateRequest {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: subject, DNSNames: []string{"asked.for.by.the.machine"},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

func TestSecretsMakeAWorkingChain(t *testing.T) {
	now := time.Now()
	s, err := NewSecrets("c1", now)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := parseCertificate(s[SecretCACert])
	if err != nil {
		t.Fatal(err)
	}
	admin, err := parseCertificate(s[SecretAdminCert])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	if _, err := admin.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Errorf("the admin's certificate does not verify: %v", err)
	}
	if !slices.Equal(admin.Subject.Organization, []string{"system:masters"}) {
		t.Errorf("admin's organisations are %v", admin.Subject.Organization)
	}
	if got := admin.NotAfter.Sub(now); got < leafValidity-time.Minute || got > leafValidity+time.Minute {
		t.Errorf("a leaf lives %v, want %v", got, leafValidity)
	}
	if key, err := base64.StdEncoding.DecodeString(string(s[SecretEncryptionKey])); err != nil || len(key) != 32 {
		t.Errorf("the encryption key has %d bytes, %v", len(key), err)
	}
}

func TestSignTakesOnlyTheKeyFromTheRequest(t *testing.T) {
	ca := testAuthority(t, time.Now())
	want := machine.Certificate{Name: "kubelet-client", CommonName: "system:node:a", Organizations: []string{"system:nodes"}, Client: true}
	out, err := ca.Sign(want, newCSR(t, pkix.Name{CommonName: "evil", Organization: []string{"system:masters"}}), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := parseCertificate(out)
	if err != nil {
		t.Fatal(err)
	}
	if cert.Subject.CommonName != "system:node:a" || !slices.Equal(cert.Subject.Organization, want.Organizations) || len(cert.DNSNames) > 0 || cert.IsCA {
		t.Errorf("the certificate says %v %v CA=%v", cert.Subject, cert.DNSNames, cert.IsCA)
	}
	if slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
		t.Error("a client certificate may serve")
	}
}

func TestSignRefuses(t *testing.T) {
	ca := testAuthority(t, time.Now())
	good := newCSR(t, pkix.Name{})
	tampered := *good
	tampered.RawTBSCertificateRequest = slices.Clone(good.RawTBSCertificateRequest)
	tampered.RawTBSCertificateRequest[10] ^= 1
	for name, tc := range map[string]struct {
		want machine.Certificate
		csr  *x509.CertificateRequest
	}{
		"a broken signature":  {machine.Certificate{Name: "x"}, &tampered},
		"an address of words": {machine.Certificate{Name: "x", IPs: []string{"localhost"}}, good},
	} {
		if _, err := ca.Sign(tc.want, tc.csr, time.Now()); err == nil {
			t.Errorf("%s: signed", name)
		} else if !strings.Contains(err.Error(), `"x"`) {
			t.Errorf("%s: the error does not name the certificate: %v", name, err)
		}
	}
}
