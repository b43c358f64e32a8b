package fleet

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
)

// enrolment is a machine's way in, a secret of its cluster.
type enrolment struct {
	Token string `json:"token"`
	// PublicKey is the sha256 of the public key that the token is bound to,
	// nil while the token is unused.
	PublicKey []byte `json:"public_key,omitempty"`
}

func enrolmentName(nodeKey string) string { return "agent/" + nodeKey }

// Prepare gives the bootstrap token of a node, for machine.Config. Asked
// again for the same node it gives the same token, so a repeated step renders
// the same user data. For a machine that is made anew under an old key, call
// Revoke first.
func (f *Fleet) Prepare(tx store.Tx, nodeKey, clusterUUID string) (token string, err error) {
	e, err := readEnrolment(tx, nodeKey, clusterUUID)
	if err == nil {
		return e.Token, nil
	}
	if hanok.KindOf(err) != hanok.KindNotFound {
		return "", err
	}
	var b [32]byte
	rand.Read(b[:]) // never fails
	e = enrolment{Token: hex.EncodeToString(b[:])}
	return e.Token, writeEnrolment(tx, nodeKey, clusterUUID, e)
}

// Revoke makes a node's token and certificate worthless. Success when there
// is none.
func (f *Fleet) Revoke(tx store.Tx, nodeKey, clusterUUID string) error {
	err := tx.DeleteSecret(clusterUUID, enrolmentName(nodeKey))
	if hanok.KindOf(err) == hanok.KindNotFound {
		return nil
	}
	return err
}

// Bootstrap trades a token for the machine's client certificate. The first
// use binds the token to the public key of its CSR; the same key may come
// again (its answer was lost, or its certificate grows old), another is
// refused. Every refusal is the same KindUnauthorized error, so it tells
// nobody which machines exist.
func (f *Fleet) Bootstrap(ctx context.Context, req machine.BootstrapRequest) (machine.BootstrapResponse, error) {
	csr, err := parseRequest(req.CSR)
	if err != nil {
		return machine.BootstrapResponse{}, err
	}
	if err := f.bind(ctx, req.MachineKey, req.Token, fingerprint(csr.RawSubjectPublicKeyInfo)); err != nil {
		return machine.BootstrapResponse{}, err
	}
	der, err := f.authority.sign(req.MachineKey, csr.PublicKey, x509.ExtKeyUsageClientAuth)
	if err != nil {
		return machine.BootstrapResponse{}, fmt.Errorf("sign the certificate of machine %s: %w", req.MachineKey, err)
	}
	return machine.BootstrapResponse{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	}, nil
}

// bind checks the token and binds it to the key.
func (f *Fleet) bind(ctx context.Context, nodeKey, token string, key []byte) error {
	refused := func(why string) error {
		f.cfg.Log.Warn("bootstrap refused", "machine", nodeKey, "reason", why)
		return hanok.Errorf(hanok.KindUnauthorized, "the bootstrap token is not valid for this machine and key")
	}
	return f.cfg.Store.Update(ctx, func(tx store.Tx) error {
		node, err := tx.NodeByKey(nodeKey)
		if err != nil && hanok.KindOf(err) == hanok.KindNotFound {
			return refused("no such node")
		} else if err != nil {
			return err
		}
		e, err := readEnrolment(tx, nodeKey, node.ClusterUUID)
		if err != nil && hanok.KindOf(err) == hanok.KindNotFound {
			return refused("no token was made for it")
		} else if err != nil {
			return err
		}
		if e.Token == "" || subtle.ConstantTimeCompare([]byte(e.Token), []byte(token)) != 1 {
			return refused("wrong token")
		}
		if e.PublicKey == nil {
			e.PublicKey = key
			return writeEnrolment(tx, nodeKey, node.ClusterUUID, e)
		}
		if !bytes.Equal(e.PublicKey, key) {
			return refused("the token is bound to another key")
		}
		return nil
	})
}

// Authorize gives the node key of a verified client certificate. A
// certificate whose node is deleted, or was let in anew under another key, is
// refused with KindUnauthorized.
func (f *Fleet) Authorize(ctx context.Context, cert *x509.Certificate) (nodeKey string, err error) {
	nodeKey = cert.Subject.CommonName
	err = f.cfg.Store.View(ctx, func(tx store.Tx) error {
		node, err := tx.NodeByKey(nodeKey)
		if err != nil {
			return err
		}
		e, err := readEnrolment(tx, nodeKey, node.ClusterUUID)
		if err != nil {
			return err
		}
		if e.PublicKey == nil || !bytes.Equal(e.PublicKey, fingerprint(cert.RawSubjectPublicKeyInfo)) {
			return hanok.Errorf(hanok.KindNotFound, "machine %s is known by another key", nodeKey)
		}
		return nil
	})
	if err != nil && hanok.KindOf(err) == hanok.KindNotFound {
		return "", &hanok.Error{
			Kind:   hanok.KindUnauthorized,
			Detail: fmt.Sprintf("the certificate of machine %s is no longer valid: the machine was deleted or made anew", nodeKey),
			Err:    err,
		}
	}
	if err != nil {
		return "", err
	}
	return nodeKey, nil
}

// parseRequest reads a CSR in PEM and checks that its sender holds the key.
func parseRequest(b []byte) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, hanok.Invalid("csr", "is not a certificate request in PEM")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, &hanok.Error{Kind: hanok.KindInvalid, Field: "csr", Detail: "cannot be parsed", Err: err}
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, &hanok.Error{Kind: hanok.KindInvalid, Field: "csr", Detail: "is not signed by its own key", Err: err}
	}
	if _, ok := csr.PublicKey.(*ecdsa.PublicKey); !ok {
		return nil, hanok.Invalid("csr", "holds a %T; an ECDSA key is wanted", csr.PublicKey)
	}
	return csr, nil
}

func fingerprint(publicKey []byte) []byte {
	sum := sha256.Sum256(publicKey)
	return sum[:]
}

func readEnrolment(tx store.Tx, nodeKey, clusterUUID string) (enrolment, error) {
	var e enrolment
	b, err := tx.Secret(clusterUUID, enrolmentName(nodeKey))
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("bootstrap secret of machine %s: %w", nodeKey, err)
	}
	return e, nil
}

func writeEnrolment(tx store.Tx, nodeKey, clusterUUID string, e enrolment) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return tx.PutSecret(clusterUUID, enrolmentName(nodeKey), b)
}
