package fleet

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
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

func TestAuthorityOutlivesTheService(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	first, second := newFleet(t, Config{Store: s}), newFleet(t, Config{Store: s})
	if !bytes.Equal(first.CA(), second.CA()) {
		t.Fatal("a restarted service has another agent CA")
	}
	cert, err := first.authority.serverCertificate()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: second.authority.pool, DNSName: machine.ServerName}); err != nil {
		t.Error(err)
	}
}

func TestPrepareGivesTheSameTokenAgain(t *testing.T) {
	t.Parallel()
	f := newFleet(t, Config{Store: newStore(t)})
	token := prepare(t, f, testNode)
	if len(token) < 32 || prepare(t, f, otherNode) == token {
		t.Fatalf("token %q is short, or two nodes have it", token)
	}
	if prepare(t, f, testNode) != token {
		t.Error("a second call gave another token")
	}
	letIn(t, f, testNode, token, newKey(t))
	if prepare(t, f, testNode) != token {
		t.Error("a call after its use gave another token, and would lock the machine out")
	}
}

func TestBootstrap(t *testing.T) {
	t.Parallel()
	f := newFleet(t, Config{Store: newStore(t)})
	token, other := prepare(t, f, testNode), prepare(t, f, otherNode)
	key := newKey(t)
	cert := letIn(t, f, testNode, token, key)
	if cert.Subject.CommonName != testNode {
		t.Errorf("the certificate names %q", cert.Subject.CommonName)
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: f.authority.pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: f.authority.pool}); err == nil {
		t.Error("a machine could pass for the service")
	}
	letIn(t, f, testNode, token, key) // its answer was lost

	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	forged := request(t, newKey(t))
	forged[len(forged)/2] ^= 1
	tests := []struct {
		name  string
		req   machine.BootstrapRequest
		wants hanok.Kind
	}{
		{"another key", machine.BootstrapRequest{MachineKey: testNode, Token: token, CSR: request(t, newKey(t))}, hanok.KindUnauthorized},
		{"wrong token", machine.BootstrapRequest{MachineKey: otherNode, Token: token, CSR: request(t, newKey(t))}, hanok.KindUnauthorized},
		{"no token", machine.BootstrapRequest{MachineKey: otherNode, CSR: request(t, newKey(t))}, hanok.KindUnauthorized},
		{"unknown machine", machine.BootstrapRequest{MachineKey: "node-9", Token: token, CSR: request(t, newKey(t))}, hanok.KindUnauthorized},
		{"no CSR", machine.BootstrapRequest{MachineKey: otherNode, Token: other}, hanok.KindInvalid},
		{"forged CSR", machine.BootstrapRequest{MachineKey: otherNode, Token: other, CSR: forged}, hanok.KindInvalid},
		{"RSA key", machine.BootstrapRequest{MachineKey: otherNode, Token: other, CSR: request(t, rsaKey)}, hanok.KindInvalid},
	}
	for _, tt := range tests {
		if _, err := f.Bootstrap(t.Context(), tt.req); err == nil || hanok.KindOf(err) != tt.wants {
			t.Errorf("%s: got %v, want kind %v", tt.name, err, tt.wants)
		}
	}
	letIn(t, f, otherNode, other, newKey(t)) // none of it used the token up
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	f := newFleet(t, Config{Store: s})
	refused := func(what string, cert *x509.Certificate) {
		t.Helper()
		if key, err := f.Authorize(t.Context(), cert); err == nil || hanok.KindOf(err) != hanok.KindUnauthorized {
			t.Errorf("%s: got %q, %v; want it refused", what, key, err)
		}
	}
	cert := letIn(t, f, testNode, prepare(t, f, testNode), newKey(t))
	if key, err := f.Authorize(t.Context(), cert); err != nil || key != testNode {
		t.Fatalf("got %q, %v", key, err)
	}
	update(t, s, func(tx store.Tx) error { return f.Revoke(tx, testNode, testCluster) })
	update(t, s, func(tx store.Tx) error { return f.Revoke(tx, testNode, testCluster) }) // again
	refused("a revoked machine", cert)

	again := letIn(t, f, testNode, prepare(t, f, testNode), newKey(t))
	refused("the machine of before", cert)
	if _, err := f.Authorize(t.Context(), again); err != nil {
		t.Errorf("the machine made anew: %v", err)
	}
	update(t, s, func(tx store.Tx) error { return tx.DeleteNode(testNode) })
	refused("a deleted node", again)

	other := letIn(t, f, otherNode, prepare(t, f, otherNode), newKey(t))
	update(t, s, func(tx store.Tx) error { return tx.DeleteCluster(testCluster) })
	refused("a node of a deleted cluster", other)
}

func TestStateWaitsForAChange(t *testing.T) {
	t.Parallel()
	var hostname atomic.Value
	hostname.Store("one")
	f := newFleet(t, Config{Store: newStore(t), Render: func(_ context.Context, key string) (machine.State, error) {
		return machine.State{Hostname: hostname.Load().(string)}, nil
	}})
	first, changed, err := f.State(t.Context(), testNode, "", time.Minute)
	if err != nil || !changed || first.Version == "" || first.Version != first.Hash() {
		t.Fatalf("%+v, %v, %v", first, changed, err)
	}
	if _, changed, err := f.State(t.Context(), testNode, first.Version, time.Millisecond); changed || err != nil {
		t.Fatalf("the same state: changed %v, %v", changed, err)
	}
	done := make(chan error, 1)
	go func() {
		s, changed, err := f.State(t.Context(), testNode, first.Version, time.Minute)
		if err == nil && (!changed || s.Hostname != "two") {
			err = errors.New("no new state")
		}
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	f.Changed(testNode) // of no consequence: the state is the same
	hostname.Store("two")
	f.Changed(otherNode, testNode)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestStateThatIsNotKnownYet(t *testing.T) {
	t.Parallel()
	var ready atomic.Bool
	f := newFleet(t, Config{Store: newStore(t), Render: func(context.Context, string) (machine.State, error) {
		if !ready.Load() {
			return machine.State{}, hanok.Errorf(hanok.KindUnavailable, "the machine's UUID is not known yet")
		}
		return machine.State{Hostname: "h"}, nil
	}})
	if _, _, err := f.State(t.Context(), testNode, "", time.Millisecond); hanok.KindOf(err) != hanok.KindUnavailable || err == nil {
		t.Fatalf("got %v, want the reason why there is no state", err)
	}
	time.AfterFunc(20*time.Millisecond, func() { ready.Store(true) }) // and nobody says so
	if s, changed, err := f.State(t.Context(), testNode, "", time.Minute); err != nil || !changed || s.Hostname != "h" {
		t.Fatalf("%+v, %v, %v", s, changed, err)
	}
}

func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	render := func(context.Context, string) (machine.State, error) { return machine.State{}, nil }
	version := machine.State{}.Hash()
	tests := []struct {
		name string
		end  func(*Fleet)
		want hanok.Kind
	}{
		{"forgotten", func(f *Fleet) { f.Forget(testNode); f.Forget(testNode) }, hanok.KindNotFound},
		{"closed", func(f *Fleet) { f.Close(); f.Close() }, hanok.KindUnavailable},
	}
	for _, tt := range tests {
		s := newStore(t)
		f := newFleet(t, Config{Store: s, Render: render})
		done := make(chan error)
		go func() {
			_, _, err := f.State(t.Context(), testNode, version, time.Minute)
			done <- err
		}()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			tt.end(f) // until the request waits
			select {
			case err := <-done:
				if err == nil || hanok.KindOf(err) != tt.want {
					t.Errorf("%s: got %v", tt.name, err)
				}
			default:
				if time.Now().Before(deadline) {
					continue
				}
				t.Errorf("%s: still waiting", tt.name)
			}
			break
		}
	}
}

func TestReports(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	f := newFleet(t, Config{Store: s})
	if _, _, ok := f.Report(testNode); ok {
		t.Error("a report before there is one")
	}
	synctest.Test(t, func(t *testing.T) {
		f := &Fleet{machines: make(map[string]*member)}
		applied := func(r machine.Report) bool { return r.Applied }
		done := make(chan error, 1)
		go func() { done <- f.Wait(t.Context(), testNode, applied) }()
		synctest.Wait()
		f.Record(testNode, machine.Report{StateVersion: "1"})
		f.Record(otherNode, machine.Report{Applied: true})
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("waited for another report: %v", err)
		default:
		}
		f.Record(testNode, machine.Report{StateVersion: "2", Applied: true})
		synctest.Wait()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if r, at, ok := f.Report(testNode); !ok || r.StateVersion != "2" || !at.Equal(time.Now()) {
			t.Errorf("%+v, %v, %v", r, at, ok)
		}
		if err := f.Wait(t.Context(), testNode, applied); err != nil {
			t.Errorf("the present report is enough: %v", err)
		}
		go func() { done <- f.Wait(t.Context(), testNode, func(machine.Report) bool { return false }) }()
		synctest.Wait()
		f.Forget(testNode)
		if err := <-done; err == nil || hanok.KindOf(err) != hanok.KindNotFound {
			t.Errorf("waiting for a forgotten machine ended with %v", err)
		}
		if _, _, ok := f.Report(testNode); ok {
			t.Error("a report of a forgotten machine")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.Wait(ctx, testNode, applied); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestCertificateOfTheState(t *testing.T) {
	t.Parallel()
	var names atomic.Value
	names.Store([]string{"kubelet"})
	var signed atomic.Int32
	f := newFleet(t, Config{
		Store: newStore(t),
		Render: func(context.Context, string) (machine.State, error) {
			var s machine.State
			for _, name := range names.Load().([]string) {
				s.Certificates = append(s.Certificates, machine.Certificate{Name: name, CommonName: "system:node:" + name})
			}
			return s, nil
		},
		Sign: func(_ context.Context, key string, c machine.Certificate, csr *x509.CertificateRequest) ([]byte, error) {
			signed.Add(1)
			if csr.PublicKey == nil {
				return nil, errors.New("no public key")
			}
			return []byte(key + " " + c.CommonName), nil
		},
	})
	ask := func(name string) (string, error) {
		resp, err := f.Certificates(t.Context(), testNode, machine.CertificateRequest{CSRs: []machine.NamedCSR{{Name: name, CSR: request(t, newKey(t))}}})
		return string(resp.Certificates[name]), err
	}
	if got, err := ask("kubelet"); err != nil || got != "node-1 system:node:kubelet" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := ask("admin"); err == nil || hanok.KindOf(err) != hanok.KindForbidden {
		t.Errorf("a certificate that the state does not list: %v", err)
	}
	names.Store([]string{"admin"})
	f.Changed(testNode)
	if _, err := ask("kubelet"); err == nil {
		t.Error("a certificate that the state lists no more was signed")
	}
	if _, err := ask("admin"); err != nil {
		t.Error(err)
	}
	bad := []machine.NamedCSR{{Name: "admin", CSR: request(t, newKey(t))}, {Name: "admin", CSR: []byte("x")}}
	if resp, err := f.Certificates(t.Context(), testNode, machine.CertificateRequest{CSRs: bad}); err == nil || hanok.KindOf(err) != hanok.KindInvalid || len(resp.Certificates) != 0 {
		t.Errorf("one of two is no CSR: %v, %v", resp, err)
	}
	if signed.Load() != 3 {
		t.Errorf("%d signatures, want 3", signed.Load())
	}
}
