package kube

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"github.com/hanok/hanok"
)

// signedClientValidity is how long a certificate lives that a user had signed.
const signedClientValidity = 365 * 24 * time.Hour

// signedBackdate forgives clocks that are a little behind ours.
const signedBackdate = 5 * time.Minute

// maxCSR bounds a request in bytes: the largest key that is signed makes one
// of 4 KiB.
const maxCSR = 32 << 10

// groupMasters is the one group of Kubernetes' own that users may ask for:
// whoever may sign may read the administrator's kubeconfig, which is in it.
const groupMasters = "system:masters"

// SignClient answers a user's signing request (PEM) with a client certificate
// (PEM) that keeps the request's subject and key. A request for anything but
// a client certificate, for a name or a group that Kubernetes' own components
// go by, or with a weak key is a KindInvalid error that names the field csr.
func (a *Authority) SignClient(request []byte, now time.Time) ([]byte, error) {
	csr, err := readCSR(request)
	if err != nil {
		return nil, err
	}
	for _, check := range []func(*x509.CertificateRequest) error{checkKey, checkSubject, checkExtensions} {
		if err := check(csr); err != nil {
			return nil, err
		}
	}
	t := leaf(csr.Subject.CommonName, csr.Subject.Organization, now, signedClientValidity-signedBackdate)
	t.NotBefore = now.Add(-signedBackdate)
	t.RawSubject = csr.RawSubject
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if _, isRSA := csr.PublicKey.(*rsa.PublicKey); !isRSA {
		t.KeyUsage = x509.KeyUsageDigitalSignature // only RSA keys encipher
	}
	return a.sign(t, csr.PublicKey)
}

func invalidCSR(format string, args ...any) error { return hanok.Invalid("csr", format, args...) }

func readCSR(request []byte) (*x509.CertificateRequest, error) {
	if len(request) > maxCSR {
		return nil, invalidCSR("is larger than %d bytes", maxCSR)
	}
	block, rest := pem.Decode(request)
	if block == nil || block.Type != "CERTIFICATE REQUEST" && block.Type != "NEW CERTIFICATE REQUEST" {
		return nil, invalidCSR("is no certificate signing request in PEM (-----BEGIN CERTIFICATE REQUEST-----)")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, invalidCSR("holds more than one signing request")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, invalidCSR("is not a well-formed signing request: %v", err)
	}
	return csr, nil
}

// weakSignatures can be forged: the request would prove nothing.
var weakSignatures = []x509.SignatureAlgorithm{x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.DSAWithSHA256, x509.ECDSAWithSHA1}

// The RSA keys that are signed, in bits. More than the largest costs the
// cluster's API server much at each connection.
const minRSA, maxRSA = 2048, 8192

func checkKey(csr *x509.CertificateRequest) error {
	switch key := csr.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSA || bits > maxRSA {
			return invalidCSR("the RSA key has %d bits; use one of %d to %d", bits, minRSA, maxRSA)
		}
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() && key.Curve != elliptic.P521() {
			return invalidCSR("the key's curve is not offered; use P-256, P-384 or P-521")
		}
	case ed25519.PublicKey:
	default:
		return invalidCSR("the key's kind is not offered; use RSA, ECDSA or Ed25519")
	}
	if slices.Contains(weakSignatures, csr.SignatureAlgorithm) {
		return invalidCSR("is signed with %s, which is weak; use SHA-256 or better", csr.SignatureAlgorithm)
	}
	if csr.CheckSignature() != nil {
		return invalidCSR("is not signed with the key that it holds")
	}
	return nil
}

// ownUsers are names without one of ownPrefixes that control planes use.
var (
	ownUsers    = []string{"kube-apiserver", "kube-apiserver-kubelet-client", "front-proxy-client"}
	ownPrefixes = []string{"system:", "hanok:"}
)

// own tells whether a user or a group belongs to the components of a cluster.
func own(name string) bool {
	return slices.ContainsFunc(ownPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

func checkSubject(csr *x509.CertificateRequest) error {
	for _, a := range csr.Subject.Names {
		if _, ok := a.Value.(string); !ok {
			return invalidCSR("the subject's attribute %s is not text", a.Type)
		}
	}
	names := attributes(csr.Subject, asn1.ObjectIdentifier{2, 5, 4, 3})
	if len(names) != 1 || strings.TrimSpace(names[0]) == "" {
		return invalidCSR("the subject must have exactly one common name (CN): the user that Kubernetes will see")
	}
	if cn := names[0]; own(cn) || slices.Contains(ownUsers, cn) {
		return invalidCSR("the common name (CN) %s belongs to Kubernetes' own components; choose another", hanok.Quote(cn))
	}
	for _, group := range attributes(csr.Subject, asn1.ObjectIdentifier{2, 5, 4, 10}) {
		if own(group) && group != groupMasters {
			return invalidCSR("the organization (O) %s is a group of Kubernetes' own; of those only %s is given", hanok.Quote(group), groupMasters)
		}
	}
	return nil
}

// attributes gives the values of one attribute of a subject.
func attributes(subject pkix.Name, kind asn1.ObjectIdentifier) []string {
	var values []string
	for _, a := range subject.Names {
		if a.Type.Equal(kind) {
			s, _ := a.Value.(string) // checkSubject refuses others
			values = append(values, s)
		}
	}
	return values
}

// The extensions that a request may hold.
var (
	oidSubjectKeyID     = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidExtKeyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidClientAuth       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
)

// checkExtensions refuses a request that asks for more than a client
// certificate; leaving the wish out of the certificate would be a surprise.
func checkExtensions(csr *x509.CertificateRequest) error {
	for _, e := range csr.Extensions {
		switch {
		case e.Id.Equal(oidSubjectKeyID):
		case e.Id.Equal(oidBasicConstraints):
			var constraints struct {
				IsCA       bool `asn1:"optional"`
				MaxPathLen int  `asn1:"optional,default:-1"`
			}
			if _, err := asn1.Unmarshal(e.Value, &constraints); err != nil {
				return invalidCSR("its basic constraints are not well-formed: %v", err)
			}
			if constraints.IsCA {
				return invalidCSR("asks for an authority (CA:TRUE); only client certificates are signed")
			}
		case e.Id.Equal(oidKeyUsage):
			if err := checkKeyUsage(e.Value); err != nil {
				return err
			}
		case e.Id.Equal(oidExtKeyUsage):
			var usages []asn1.ObjectIdentifier
			if _, err := asn1.Unmarshal(e.Value, &usages); err != nil {
				return invalidCSR("its extended key usage is not well-formed: %v", err)
			}
			if slices.ContainsFunc(usages, func(u asn1.ObjectIdentifier) bool { return !u.Equal(oidClientAuth) }) {
				return invalidCSR("asks for an extended key usage beside clientAuth; only client certificates are signed")
			}
		default:
			return invalidCSR("asks for the extension %s, which client certificates have no use for; leave it out", extensionName(e.Id))
		}
	}
	return nil
}

// checkKeyUsage lets through what a client's key may do: sign, and encipher keys.
func checkKeyUsage(value []byte) error {
	var bits asn1.BitString
	if _, err := asn1.Unmarshal(value, &bits); err != nil {
		return invalidCSR("its key usage is not well-formed: %v", err)
	}
	for i := range bits.BitLength {
		switch i {
		case 0, 1, 2, 3, 4: // digital signature, non-repudiation, encipherments, key agreement
		default:
			if bits.At(i) == 1 {
				return invalidCSR("asks for a key usage that only authorities have; leave out keyCertSign and cRLSign")
			}
		}
	}
	return nil
}

func extensionName(id asn1.ObjectIdentifier) string {
	if id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
		return "subjectAltName"
	}
	return id.String()
}
