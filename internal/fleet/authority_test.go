package fleet

import (
	"bytes"
	"crypto/x509"
	"testing"

	"github.com/hanok/hanok/internal/machine"
)

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
