package agentapi

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/fleet"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
	"github.com/hanok/hanok/internal/store/sqlite"
)

// rig is a served fleet of two nodes.
type rig struct {
	fleet *fleet.Fleet
	store store.Store
	url   string

	mu     sync.Mutex
	states map[string]machine.State
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "hanok.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r := &rig{store: s, states: make(map[string]machine.State)}
	r.update(t, func(tx store.Tx) error {
		if err := tx.PutCluster(hanok.Cluster{UUID: testCluster, Name: "c", CreatedAt: time.Now()}); err != nil {
			return err
		}
		for _, key := range []string{"node-1", "node-2"} {
			if err := tx.PutNode(hanok.Node{Key: key, ClusterUUID: testCluster, Name: key, CreatedAt: time.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
	clusterCA := newKey(t)
	r.fleet, err = fleet.New(t.Context(), fleet.Config{
		Store: s,
		Render: func(_ context.Context, key string) (machine.State, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			state, ok := r.states[key]
			if !ok {
				return state, hanok.Errorf(hanok.KindUnavailable, "machine %s is not known yet", key)
			}
			return state, nil
		},
		Sign: func(_ context.Context, _ string, c machine.Certificate, csr *x509.CertificateRequest) ([]byte, error) {
			return selfSigned(c.CommonName, csr.PublicKey, clusterCA), nil
		},
		Blob: func(_ context.Context, _, digest string) (io.ReadSeekCloser, error) {
			if digest != digestOf(blobContent) {
				return nil, hanok.NotFound("blob", digest)
			}
			return nopCloser{bytes.NewReader(blobContent)}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(r.fleet, nil)
	go func() { _ = server.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		began := time.Now()
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the shutdown took %v: it waits for long polls", took)
		}
	})
	r.url = "https://" + l.Addr().String()
	return r
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (r *rig) update(t *testing.T, fn func(store.Tx) error) {
	t.Helper()
	if err := r.store.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) set(key string, s machine.State) machine.State {
	s.Version = s.Hash()
	r.mu.Lock()
	r.states[key] = s
	r.mu.Unlock()
	r.fleet.Changed(key)
	return s
}

func (r *rig) token(t *testing.T, key string) (token string) {
	t.Helper()
	r.update(t, func(tx store.Tx) error {
		var err error
		token, err = r.fleet.Prepare(tx, key, testCluster)
		return err
	})
	return token
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func request(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// client speaks to the rig with a certificate, or without one (nil).
func (r *rig) client(cert *tls.Certificate) *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(r.fleet.CA())
	conf := &tls.Config{RootCAs: pool, ServerName: machine.ServerName}
	if cert != nil {
		// Shown even where the service says that it trusts no such issuer.
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}
}

// letIn bootstraps a node over HTTP and gives a client with its certificate.
func (r *rig) letIn(t *testing.T, node string) *http.Client {
	t.Helper()
	key := newKey(t)
	body, _ := json.Marshal(machine.BootstrapRequest{MachineKey: node, Token: r.token(t, node), CSR: request(t, key)})
	resp := do(t, r.client(nil), http.MethodPost, r.url+machine.PathBootstrap, string(body))
	if resp.status != http.StatusOK {
		t.Fatalf("bootstrap: %+v", resp)
	}
	var answer machine.BootstrapResponse
	if err := json.Unmarshal([]byte(resp.body), &answer); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(answer.Certificate)
	return r.client(&tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key})
}

type answer struct {
	status int
	body   string
	err    error
}

func do(t *testing.T, c *http.Client, method, url, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: resp.StatusCode, body: string(b)}
}
