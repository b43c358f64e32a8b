package agent

import (
	"testing"

	"github.com/hanok/hanok/internal/machine"
)

func TestCertificateIsIssuedAnewWhenItsDescriptionChanges(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	c := machine.Certificate{Name: "c", CertPath: "/c.crt", KeyPath: "/c.key", CommonName: "one"}
	m.bootUp(t)
	s.awaitReady(t, s.set(machine.State{Certificates: []machine.Certificate{c}}))
	first := m.read("/c.crt")
	s.awaitReady(t, s.set(machine.State{Certificates: []machine.Certificate{c}, Hostname: "other"}))
	if m.read("/c.crt") != first {
		t.Error("an unchanged certificate was issued anew")
	}
	c.IPs = []string{"192.0.2.1"}
	s.awaitReady(t, s.set(machine.State{Certificates: []machine.Certificate{c}}))
	if m.read("/c.crt") == first {
		t.Error("a certificate with another description was not issued anew")
	}
}
