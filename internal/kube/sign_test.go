package kube

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok"
)

func testAuthority(t testing.TB, now time.Time) *Authority {
	t.Helper()
	secrets, err := NewSecrets("k8s", now)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := LoadAuthority(secrets[SecretCACert], secrets[SecretCAKey])
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func requestPEM(t *testing.T, template *x509.CertificateRequest, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func ecKey(t *testing.T, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t *testing.T, bits int) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func value(t *testing.T, v any) []byte {
	t.Helper()
	b, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSignClient has the keys and subjects signed that clients send.
func TestSignClient(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	ca := testAuthority(t, now)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	masters := pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}}
	for _, tt := range []struct {
		name       string
		key        crypto.Signer
		subject    pkix.Name
		extensions []pkix.Extension
	}{
		{name: "as the OpenStack provider of Terraform", key: rsaKey(t, 4096), subject: masters},
		{name: "as openstack coe cluster config", key: rsaKey(t, 2048), subject: masters},
		{name: "a user of two groups", key: ecKey(t, elliptic.P256()), subject: pkix.Name{
			CommonName: "alice", Organization: []string{"dev", "ops"}, OrganizationalUnit: []string{"x"}, Country: []string{"KR"},
		}},
		{name: "nobody in particular", key: ecKey(t, elliptic.P384()), subject: pkix.Name{CommonName: "bob"}},
		{name: "Ed25519", key: edKey, subject: pkix.Name{CommonName: "carol"}},
		{name: "with a client's extensions", key: ecKey(t, elliptic.P521()), subject: pkix.Name{CommonName: "dave"}, extensions: []pkix.Extension{
			{Id: oidExtKeyUsage, Value: value(t, []asn1.ObjectIdentifier{oidClientAuth})},
			{Id: oidKeyUsage, Critical: true, Value: value(t, asn1.BitString{Bytes: []byte{0xa0}, BitLength: 3})},
			{Id: oidBasicConstraints, Value: value(t, struct{}{})},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			certPEM, err := ca.SignClient(requestPEM(t, &x509.CertificateRequest{Subject: tt.subject, ExtraExtensions: tt.extensions}, tt.key), now)
			if err != nil {
				t.Fatal(err)
			}
			cert, err := parseCertificate(certPEM)
			if err != nil {
				t.Fatal(err)
			}
			roots := x509.NewCertPool()
			roots.AddCert(ca.Cert)
			if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
				t.Errorf("it does not verify as a client's: %v", err)
			}
			if cert.Subject.String() != tt.subject.String() {
				t.Errorf("subject %s, want %s", cert.Subject, tt.subject)
			}
			if cert.IsCA || len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth || cert.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0 {
				t.Errorf("CA %v, usages %v %b", cert.IsCA, cert.ExtKeyUsage, cert.KeyUsage)
			}
			if life := cert.NotAfter.Sub(cert.NotBefore); life > 365*24*time.Hour || life < 364*24*time.Hour {
				t.Errorf("it lives %s", life)
			}
			if !tt.key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(cert.PublicKey) {
				t.Error("it is for another key")
			}
		})
	}
}

// TestSignClientRefuses goes through what may not be signed.
func TestSignClientRefuses(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ca := testAuthority(t, now)
	key := ecKey(t, elliptic.P256())
	request := func(template x509.CertificateRequest) []byte { return requestPEM(t, &template, key) }
	named := func(cn string, groups ...string) []byte {
		return request(x509.CertificateRequest{Subject: pkix.Name{CommonName: cn, Organization: groups}})
	}
	with := func(id asn1.ObjectIdentifier, v any) []byte {
		return request(x509.CertificateRequest{
			Subject: pkix.Name{CommonName: "alice"}, ExtraExtensions: []pkix.Extension{{Id: id, Value: value(t, v)}},
		})
	}
	serverAuth := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	forged := slices.Clone(named("alice"))
	block, _ := pem.Decode(forged)
	block.Bytes[len(block.Bytes)-1] ^= 1
	forged = pem.EncodeToMemory(block)

	for name, tt := range map[string]struct {
		request []byte
		says    string
	}{
		"nothing":             {nil, "PEM"},
		"text":                {[]byte("hello"), "PEM"},
		"a certificate":       {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Cert.Raw}), "PEM"},
		"not ASN.1":           {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: []byte("x")}), "well-formed"},
		"two":                 {append(named("a"), named("b")...), "more than one"},
		"huge":                {append(named("a"), make([]byte, maxCSR)...), "larger"},
		"forged":              {forged, "not signed with the key"},
		"an authority":        {with(oidBasicConstraints, struct{ IsCA bool }{true}), "CA:TRUE"},
		"certificate signing": {with(oidKeyUsage, asn1.BitString{Bytes: []byte{0x04}, BitLength: 6}), "keyCertSign"},
		"a server":            {with(oidExtKeyUsage, []asn1.ObjectIdentifier{serverAuth}), "clientAuth"},
		"a client and server": {with(oidExtKeyUsage, []asn1.ObjectIdentifier{oidClientAuth, serverAuth}), "clientAuth"},
		"bad usages":          {with(oidExtKeyUsage, 7), "well-formed"},
		"names of a server":   {request(x509.CertificateRequest{Subject: pkix.Name{CommonName: "alice"}, DNSNames: []string{"kubernetes"}}), "subjectAltName"},
		"another extension":   {with(asn1.ObjectIdentifier{1, 2, 3}, 1), "1.2.3"},
		"no name":             {named(""), "common name"},
		"two names":           {request(x509.CertificateRequest{Subject: pkix.Name{CommonName: "a", ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "system:node:b"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "a"}}}}), "common name"},
		"a node":              {named("system:node:a", "system:nodes"), "system:node:a"},
		"a node's group":      {named("alice", "system:nodes"), "system:nodes"},
		"behind a good group": {named("alice", "system:masters", "system:nodes"), "system:nodes"},
		"the scheduler":       {named("system:kube-scheduler"), "kube-scheduler"},
		"the manager":         {named("system:kube-controller-manager", "system:masters"), "kube-controller-manager"},
		"a proxy":             {named("system:kube-proxy"), "kube-proxy"},
		"a service account":   {named("system:serviceaccount:kube-system:default"), "serviceaccount"},
		"accounts' group":     {named("alice", "system:serviceaccounts:kube-system"), "serviceaccounts"},
		"the API server":      {named("kube-apiserver-kubelet-client"), "kubelet-client"},
		"pod routes":          {named(userPodRoutes), "pod-routes"},
		"weak RSA":            {requestPEM(t, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "a"}}, rsaKey(t, 1024)), "1024 bits"},
		"weak curve":          {requestPEM(t, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "a"}}, ecKey(t, elliptic.P224())), "curve"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cert, err := ca.SignClient(tt.request, now)
			var e *hanok.Error
			if !errors.As(err, &e) || e.Kind != hanok.KindInvalid || e.Field != "csr" || !strings.Contains(err.Error(), tt.says) || cert != nil {
				t.Errorf("signed %d bytes, error %v, want one of csr that says %q", len(cert), err, tt.says)
			}
		})
	}
}

// FuzzSignClient: whatever is sent, what comes back is a client certificate
// of nobody special, or a refusal.
func FuzzSignClient(f *testing.F) {
	now := time.Now()
	ca := testAuthority(f, now)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	for _, subject := range []pkix.Name{{CommonName: "admin", Organization: []string{groupMasters}}, {CommonName: "system:node:a"}, {}} {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		signed, err := ca.SignClient(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), now)
		if err != nil {
			if hanok.KindOf(err) != hanok.KindInvalid {
				t.Fatal(err)
			}
			return
		}
		cert, err := parseCertificate(signed)
		if err != nil {
			t.Fatal(err)
		}
		groups := slices.DeleteFunc(slices.Clone(cert.Subject.Organization), func(g string) bool { return g == groupMasters })
		if cert.IsCA || len(cert.ExtKeyUsage) != 1 || own(cert.Subject.CommonName) || slices.ContainsFunc(groups, own) || cert.NotAfter.After(now.AddDate(1, 0, 0)) {
			t.Fatalf("signed %+v", cert)
		}
	})
}
