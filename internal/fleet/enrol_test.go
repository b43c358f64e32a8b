package fleet

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
)

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
