package fleet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"path/filepath"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
	"github.com/hanok/hanok/internal/store/sqlite"
)

const (
	testCluster = "5a2b9c1e-0000-4000-8000-000000000001"
	testNode    = "node-1"
	otherNode   = "node-2"
)

func newStore(t *testing.T) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "hanok.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	update(t, s, func(tx store.Tx) error {
		if err := tx.PutCluster(hanok.Cluster{UUID: testCluster, Name: "c", CreatedAt: time.Now()}); err != nil {
			return err
		}
		for _, key := range []string{testNode, otherNode} {
			if err := tx.PutNode(hanok.Node{Key: key, ClusterUUID: testCluster, Name: key, CreatedAt: time.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
	return s
}

func update(t *testing.T, s store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func newFleet(t *testing.T, cfg Config) *Fleet {
	t.Helper()
	f, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func request(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func prepare(t *testing.T, f *Fleet, node string) (token string) {
	t.Helper()
	update(t, f.cfg.Store, func(tx store.Tx) error {
		var err error
		token, err = f.Prepare(tx, node, testCluster)
		return err
	})
	return token
}

// letIn bootstraps a node and gives its certificate.
func letIn(t *testing.T, f *Fleet, node, token string, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	resp, err := f.Bootstrap(t.Context(), machine.BootstrapRequest{MachineKey: node, Token: token, CSR: request(t, key)})
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(resp.Certificate)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}
