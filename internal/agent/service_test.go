package agent

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

const (
	testKey   = "machine-1"
	testToken = "token-of-machine-1"
)

// testService is the other end of an agent, over real TLS.
type testService struct {
	caCert *x509.Certificate
	caKey  *ecdsa.PrivateKey
	caPEM  []byte
	addr   string

	mu         sync.Mutex
	tlsErrors  lockedBuffer // what the server complains about
	server     *httptest.Server
	state      machine.State
	changed    chan struct{}
	report     machine.Report
	reports    int
	bound      []byte // public key that the token is bound to
	bootstraps int
	losing     int // bootstrap answers to lose
	issued     map[string]int
	life       time.Duration // of the certificates of a state
	blobs      map[string][]byte
	cutBlob    int // bytes after which the next blob transfer breaks off
}

func newTestService(t *testing.T) *testService {
	t.Helper()
	key, _, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := &testService{
		caCert: ca, caKey: key, caPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		changed: make(chan struct{}), issued: make(map[string]int), life: time.Hour, blobs: make(map[string][]byte),
	}
	// The address is taken now and kept, so that the service can be away.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	s.serve(l)
	t.Cleanup(s.stop)
	return s
}

func (s *testService) serve(l net.Listener) {
	key, _, _ := newKey()
	pool := x509.NewCertPool()
	pool.AddCert(s.caCert)
	server := httptest.NewUnstartedServer(s)
	server.Listener.Close()
	server.Listener = l
	server.TLS = &tls.Config{
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool,
		Certificates: []tls.Certificate{{
			Certificate: [][]byte{s.sign(key.Public(), pkix.Name{CommonName: "service"}, time.Hour, machine.ServerName)},
			PrivateKey:  key,
		}},
	}
	server.Config.ErrorLog = log.New(&s.tlsErrors, "", 0)
	server.StartTLS()
	s.mu.Lock()
	s.server = server
	s.mu.Unlock()
}

// stop takes the service away; start brings it back at the same address,
// remembering the token's key and nothing of the reports.
func (s *testService) stop() {
	s.mu.Lock()
	server := s.server
	s.server = nil
	s.mu.Unlock()
	if server != nil {
		server.CloseClientConnections()
		server.Listener.Close()
		server.Config.Close()
	}
}

func (s *testService) start(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.report, s.reports = machine.Report{}, 0
	s.mu.Unlock()
	s.serve(l)
}

func (s *testService) sign(pub any, subject pkix.Name, life time.Duration, names ...string) []byte {
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: subject, DNSNames: names,
		NotBefore: time.Now().Add(-time.Second), NotAfter: time.Now().Add(life),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, s.caCert, pub, s.caKey)
	if err != nil {
		panic(err)
	}
	return der
}

func (s *testService) signRequest(csr []byte, subject pkix.Name, life time.Duration) ([]byte, []byte) {
	block, _ := pem.Decode(csr)
	req, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.sign(req.PublicKey, subject, life)}), req.RawSubjectPublicKeyInfo
}

// set makes s the desired state.
func (s *testService) set(state machine.State) machine.State {
	state.Version = state.Hash()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
	close(s.changed)
	s.changed = make(chan struct{})
	return state
}

// await returns the first report that satisfies ok.
func (s *testService) await(t *testing.T, what string, ok func(machine.Report) bool) machine.Report {
	t.Helper()
	var last machine.Report
	eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		last = s.report
		return s.reports > 0 && ok(last)
	}, func() string {
		b, _ := json.MarshalIndent(last, "", " ")
		return what + "; last report: " + string(b)
	})
	return last
}

// awaitReady waits until the agent reports the state as made so.
func (s *testService) awaitReady(t *testing.T, state machine.State) machine.Report {
	t.Helper()
	return s.await(t, "the state is ready", func(r machine.Report) bool {
		return r.StateVersion == state.Version && r.Ready
	})
}

// eventually polls ok with a deadline that only a broken agent misses.
func eventually(t *testing.T, ok func() bool, what func() string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what())
		}
	}
}
