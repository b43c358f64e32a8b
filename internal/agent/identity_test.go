package agent

import (
	"os"
	"testing"

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
