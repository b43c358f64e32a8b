package agent

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/machine"
)

func TestUnusableStateChangesNothing(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	good := machine.State{Processes: []machine.Process{m.sh("p", "")}}
	m.bootUp(t)
	before := s.awaitReady(t, s.set(good))

	tests := []struct {
		name  string
		spoil func(*machine.State)
		want  string
	}{
		{"bundle is missing", func(s *machine.State) { s.Bundle = machine.Bundle{Version: "v9.9.9", Digest: "00"} }, "bundle v9.9.9 is not on this machine"},
		{"bundle outside", func(s *machine.State) { s.Bundle = machine.Bundle{Version: "../x", Digest: "00"} }, "no name of a directory"},
		{"relative file", func(s *machine.State) { s.Files = []machine.File{{Path: "x"}} }, "not absolute"},
		{"unknown predecessor", func(s *machine.State) { s.Processes[0].After = []string{"q"} }, `after "q"`},
		{"no such user", func(s *machine.State) { s.LoginUser, s.PublicKey = "nobody-here", "ssh-ed25519 AAAA" }, "login user"},
	}
	if err := writeFile(m.path("/etc/passwd"), []byte("root:x:0:0:root:/root:/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		state := good
		state.Processes = slices.Clone(good.Processes)
		tt.spoil(&state)
		state = s.set(state)
		r := s.await(t, tt.name, func(r machine.Report) bool { return r.StateVersion == state.Version && r.Error != "" })
		if !strings.Contains(r.Error, tt.want) || r.Ready || r.Applied {
			t.Errorf("%s: ready %v, applied %v, error %q; want one with %q", tt.name, r.Ready, r.Applied, r.Error, tt.want)
		}
		if p := processNamed(r, "p"); p.PID != processNamed(before, "p").PID || !alive(p.PID) {
			t.Errorf("%s: process p is now %+v", tt.name, p)
		}
	}
	r := s.awaitReady(t, s.set(good))
	if r.Error != "" || processNamed(r, "p").PID != processNamed(before, "p").PID {
		t.Errorf("after a good state: %+v", r)
	}
}

func TestWhatIsNotListedGoes(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	cert := func(name string) machine.Certificate {
		return machine.Certificate{Name: name, CertPath: "/pki/" + name + ".crt", KeyPath: "/pki/" + name + ".key"}
	}
	m.bootUp(t)
	s.awaitReady(t, s.set(machine.State{
		Files:        []machine.File{{Path: "/etc/a", Content: []byte("a")}, {Path: "/etc/b", Content: []byte("b")}},
		Certificates: []machine.Certificate{cert("one"), cert("two")},
	}))
	s.awaitReady(t, s.set(machine.State{
		Files:        []machine.File{{Path: "/etc/b", Content: []byte("b2")}},
		Certificates: []machine.Certificate{cert("two")},
	}))
	eventually(t, func() bool {
		gone := true
		for _, path := range []string{"/etc/a", "/pki/one.crt", "/pki/one.key"} {
			_, err := os.Stat(m.path(path))
			gone = gone && errors.Is(err, os.ErrNotExist)
		}
		return gone
	}, func() string { return "what is not listed any more is removed" })
	if m.read("/etc/b") != "b2" || m.read("/pki/two.key") == "" {
		t.Error("what is listed is not as it should be")
	}
}
