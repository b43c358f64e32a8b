package agent

import (
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/machine"
)

func TestWaitForAndProbes(t *testing.T) {
	t.Parallel()
	s, m := newBootedMachine(t)
	p := m.sh("p", "echo start >> $ROOT/starts")
	p.WaitFor = &machine.Probe{File: "/go"}
	p.Ready = &machine.Probe{URL: "https://" + s.addr + machine.PathState, CAPath: "/ca.crt", CertPath: certFile, KeyPath: keyFile}
	state := s.set(machine.State{Processes: []machine.Process{p}})
	r := s.await(t, "the state is applied", func(r machine.Report) bool { return r.StateVersion == state.Version && r.Applied })
	if got := processNamed(r, "p"); got.State != machine.ProcessWaiting || m.read("starts") != "" {
		t.Errorf("p started before what it waits for: %+v", got)
	}
	m.write(t, "go", "")
	s.await(t, "p runs", func(r machine.Report) bool { return processNamed(r, "p").State == machine.ProcessRunning })
	// The name in the certificate is not the one in the URL: not ready.
	m.write(t, "ca.crt", string(s.caPEM))
	eventually(t, func() bool { return strings.Count(s.tlsErrors.String(), "bad certificate") > 3 }, func() string { return "probes" })
	s.mu.Lock()
	got := processNamed(s.report, "p")
	s.mu.Unlock()
	if got.State != machine.ProcessRunning {
		t.Errorf("a server with a certificate for another name made p %s", got.State)
	}
}
