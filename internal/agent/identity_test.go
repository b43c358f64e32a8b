package agent

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"errors"
	"net/http"
	"net/http/httptrace"
	"os"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

func TestLostBootstrapAnswer(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.losing = 2
	m := newTestMachine(t, s)
	state := s.set(machine.State{Hostname: "node-1"})
	m.bootUp(t)
	s.awaitReady(t, state)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bootstraps != 3 {
		t.Errorf("%d bootstrap requests, want 3: two whose answer was lost and one that was answered", s.bootstraps)
	}
}

func TestKeyCutShortByACrash(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	m.write(t, keyFile, "-----BEGIN EC PRIV")
	m.bootUp(t)
	s.awaitReady(t, s.set(machine.State{Hostname: "node-1"}))
	if info, err := os.Stat(m.path(keyFile)); err != nil || info.Size() < 100 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestCertificateIsShownAtOnce: what is asked after a certificate is there
// shows it, also when a connection without one was in use at that moment. An
// agent that lost its certificate has one, because it applies the state on
// its disk meanwhile.
func TestCertificateIsShownAtOnce(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	c, err := newService(machine.Config{ServiceURL: "https://" + s.addr, ServiceCA: s.caPEM})
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := newRequest(key)
	if err != nil {
		t.Fatal(err)
	}
	sent, answered := make(chan struct{}), make(chan error)
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(sent) }})
	s.mu.Lock() // which the answer waits for
	go func() {
		answered <- c.post(ctx, machine.PathBootstrap, machine.BootstrapRequest{MachineKey: testKey, Token: testToken, CSR: csr}, nil)
	}()
	<-sent
	c.use(&tls.Certificate{Certificate: [][]byte{s.sign(key.Public(), pkix.Name{CommonName: testKey}, time.Hour)}, PrivateKey: key})
	known := func(when string) {
		t.Helper()
		var r *refusal
		if err := c.post(t.Context(), "/of/no/use", nil, nil); !errors.As(err, &r) || r.status != http.StatusNotFound {
			t.Errorf("%s: %v, want 404 as for a machine that is known", when, err)
		}
	}
	known("while it is in use")
	s.mu.Unlock()
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	known("when it is free again")
}
