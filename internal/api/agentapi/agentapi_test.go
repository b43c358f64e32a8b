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

const testCluster = "5a2b9c1e-0000-4000-8000-000000000001"

var blobContent = []byte(strings.Repeat("content ", 1000))

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

func TestWithoutCertificate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	for _, path := range []string{machine.PathState, machine.PathReport, machine.PathCertificate, machine.PathBlob + digestOf(blobContent)} {
		method := http.MethodGet
		if path == machine.PathReport || path == machine.PathCertificate {
			method = http.MethodPost
		}
		if got := do(t, c, method, r.url+path, "{}"); got.status != http.StatusUnauthorized || !strings.Contains(got.body, "certificate") {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func TestForeignCertificateIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := newKey(t)
	block, _ := pem.Decode(selfSigned("node-1", key.Public(), key))
	c := r.client(&tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key})
	if got := do(t, c, http.MethodGet, r.url+machine.PathState, ""); got.err == nil {
		t.Errorf("a certificate of nobody's opened the state: %+v", got)
	}
}

func TestAMachineSeesItselfAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.set("node-1", machine.State{Hostname: "one", Certificates: []machine.Certificate{{Name: "mine"}}})
	r.set("node-2", machine.State{Hostname: "two"})
	one, two := r.letIn(t, "node-1"), r.letIn(t, "node-2")
	for client, want := range map[*http.Client]string{one: `"hostname":"one"`, two: `"hostname":"two"`} {
		if got := do(t, client, http.MethodGet, r.url+machine.PathState, ""); got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("%+v, want %s", got, want)
		}
	}
	csr, _ := json.Marshal(machine.CertificateRequest{CSRs: []machine.NamedCSR{{Name: "mine", CSR: request(t, newKey(t))}}})
	if got := do(t, one, http.MethodPost, r.url+machine.PathCertificate, string(csr)); got.status != http.StatusOK {
		t.Errorf("%+v", got)
	}
	if got := do(t, two, http.MethodPost, r.url+machine.PathCertificate, string(csr)); got.status != http.StatusForbidden {
		t.Errorf("another machine's certificate: %+v", got)
	}
	if got := do(t, one, http.MethodPost, r.url+machine.PathReport, `{"state_version":"v","ready":true}`); got.status != http.StatusNoContent {
		t.Errorf("%+v", got)
	}
	if rep, _, ok := r.fleet.Report("node-1"); !ok || rep.StateVersion != "v" {
		t.Errorf("%+v, %v", rep, ok)
	}
	if _, _, ok := r.fleet.Report("node-2"); ok {
		t.Error("one machine reported for another")
	}
	r.update(t, func(tx store.Tx) error { return tx.DeleteNode("node-1") })
	if got := do(t, one, http.MethodGet, r.url+machine.PathState, ""); got.status != http.StatusUnauthorized {
		t.Errorf("a deleted node: %+v", got)
	}
}

func TestTokenOfAnotherKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.letIn(t, "node-1")
	body, _ := json.Marshal(machine.BootstrapRequest{MachineKey: "node-1", Token: r.token(t, "node-1"), CSR: request(t, newKey(t))})
	got := do(t, r.client(nil), http.MethodPost, r.url+machine.PathBootstrap, string(body))
	if got.status != http.StatusUnauthorized || strings.Contains(got.body, r.token(t, "node-1")) {
		t.Errorf("%+v", got)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	state := r.set("node-1", machine.State{Hostname: "one"})
	c := r.letIn(t, "node-1")
	tests := []struct {
		name, method, path, body string
		want                     int
	}{
		{"broken JSON", "POST", machine.PathReport, "{", 400},
		{"more than JSON", "POST", machine.PathReport, "{}{}", 400},
		{"wrong type", "POST", machine.PathReport, `{"ready":"yes"}`, 400},
		{"too large", "POST", machine.PathReport, `{"error":"` + strings.Repeat("x", maxReport) + `"}`, 413},
		{"too large, without a certificate's need", "POST", machine.PathBootstrap, `{"token":"` + strings.Repeat("x", maxRequest) + `"}`, 413},
		{"wait of nonsense", "GET", machine.PathState + "?wait=long", "", 400},
		{"negative wait", "GET", machine.PathState + "?wait=-1s", "", 400},
		{"unchanged", "GET", machine.PathState + "?wait=1ms&version=" + state.Version, "", 204},
		{"unknown path", "GET", "/agent/v1/secrets", "", 404},
		{"wrong method", "DELETE", machine.PathState, "", 404},
		{"blob by path", "GET", machine.PathBlob + "..%2Fstore.key", "", 400},
		{"unknown blob", "GET", machine.PathBlob + strings.Repeat("0", 64), "", 404},
	}
	for _, tt := range tests {
		got := do(t, c, tt.method, r.url+tt.path, tt.body)
		var e machine.ErrorResponse
		if got.status != tt.want || (tt.want >= 400 && (json.Unmarshal([]byte(got.body), &e) != nil || e.Error == "")) {
			t.Errorf("%s: %d %.200s %v, want %d with a reason", tt.name, got.status, got.body, got.err, tt.want)
		}
	}
}

func TestBlobRanges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.letIn(t, "node-1")
	url := r.url + machine.PathBlob + digestOf(blobContent)
	if got := do(t, c, http.MethodGet, url, ""); got.status != http.StatusOK || got.body != string(blobContent) {
		t.Errorf("whole: %d, %d bytes", got.status, len(got.body))
	}
	if got := do(t, c, http.MethodGet, url, "", "Range", "bytes=7000-"); got.status != http.StatusPartialContent || got.body != string(blobContent[7000:]) {
		t.Errorf("rest: %d, %d bytes", got.status, len(got.body))
	}
}
