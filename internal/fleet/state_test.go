package fleet

import (
	"context"
	"crypto/x509"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/machine"
)

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
