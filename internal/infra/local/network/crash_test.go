package network

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// crashPlan is what the process that is to be killed needs to know.
type crashPlan struct {
	State, Installation, Resolv string
	Run, Namespaces, Host       string
	Subnet                      infra.Subnet
}

const crashEnv = "HANOK_NETWORK_TEST_CRASH"

func TestMain(m *testing.M) {
	if raw := os.Getenv(crashEnv); raw != "" {
		if err := buildAndTear(raw); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
		}
		os.Exit(1) // it should have been killed
	}
	os.Exit(m.Run())
}

// buildAndTear makes a cluster's network and removes it, over and over.
func buildAndTear(raw string) error {
	var p crashPlan
	if err := json.Unmarshal([]byte(raw), &p); err != nil {
		return err
	}
	ctx := context.Background()
	m, err := Open(ctx, Config{
		StateDir: p.State, InstallationID: p.Installation, AgentPort: agentPort, ResolvConf: p.Resolv,
		at: &site{run: p.Run, namespaces: p.Namespaces, host: p.Host},
	})
	if err == nil {
		err = m.Restore(ctx)
	}
	for err == nil {
		if err = build(ctx, m, p.Subnet); err == nil {
			err = tear(ctx, m)
		}
	}
	return err
}

func build(ctx context.Context, m *Manager, s infra.Subnet) error {
	for _, key := range []string{"worker", "member"} {
		p, err := m.CreatePort(ctx, infra.PortSpec{Key: key, Subnet: s, ControlPlane: key == "member"})
		if err != nil {
			return err
		}
		if _, err := m.AttachMachine(ctx, key, []string{p.ID}); err != nil {
			return err
		}
	}
	e, err := m.CreateEndpoint(ctx, infra.EndpointSpec{Key: "endpoint", Subnet: s, Public: true, Port: 6443})
	if err != nil {
		return err
	}
	p, err := m.PortByKey(ctx, "member")
	if err != nil {
		return err
	}
	return m.SetEndpointMembers(ctx, e.ID, []netip.AddrPort{netip.AddrPortFrom(p.Address, 6443)})
}

func tear(ctx context.Context, m *Manager) error {
	e, err := m.EndpointByKey(ctx, "endpoint")
	if err == nil {
		err = m.DeleteEndpoint(ctx, e.ID)
	}
	if err != nil && hanok.KindOf(err) != hanok.KindNotFound {
		return err
	}
	for _, key := range []string{"worker", "member"} {
		if err := m.DetachMachine(ctx, key); err != nil {
			return err
		}
		p, err := m.PortByKey(ctx, key)
		if err == nil {
			err = m.DeletePort(ctx, p.ID)
		}
		if err != nil && hanok.KindOf(err) != hanok.KindNotFound {
			return err
		}
	}
	return nil
}

// Killed at any moment, the next process goes on from the records: what was
// begun can be finished or removed, and nothing stays behind.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := testSubnet("10.0.0.0/24", true)
	plan, err := json.Marshal(crashPlan{
		State: w.state, Installation: w.inst, Resolv: w.resolv,
		Run: w.site.run, Namespaces: w.site.namespaces, Host: w.site.host, Subnet: s,
	})
	must(t, err)
	for range 12 {
		victim := exec.Command("/proc/self/exe")
		victim.Env = append(os.Environ(), crashEnv+"="+string(plan))
		victim.Stderr = os.Stderr
		must(t, victim.Start())
		life := 30*time.Millisecond + rand.N(300*time.Millisecond)
		time.Sleep(life) // the moment is the test's input, not a wait
		victim.Process.Kill()
		victim.Wait()
		if victim.ProcessState.Exited() {
			t.Fatal("the process failed before it was killed")
		}

		w.open()
		must(t, w.manager.Restore(t.Context()))
		records := w.manager.ledger.view()
		t.Logf("killed after %v with %d ports, %d endpoints", life, len(records.Ports), len(records.Endpoints))
		for _, p := range records.Ports {
			if p.Machine != "" && !isNamespace(w.manager.machinePath(p.Machine)) {
				t.Errorf("machine %s is on record and was not restored", p.Machine)
			}
		}
		if rand.N(2) == 0 {
			w.finish(s)
		}
		must(t, tear(t.Context(), w.manager))
		list, err := w.site.found(t.Context(), w.inst)
		must(t, err)
		for _, l := range list {
			if l.Kind == "network namespace" || l.Kind == "interface" && l.Name != w.manager.names.service() {
				t.Errorf("killed after %v: %s %s stayed behind", life, l.Kind, l.Name)
			}
		}
	}
}

// finish completes what the killed process began, and uses it.
func (w *world) finish(s infra.Subnet) {
	w.t.Helper()
	must(w.t, build(w.t.Context(), w.manager, s))
	e, err := w.manager.EndpointByKey(w.t.Context(), "endpoint")
	must(w.t, err)
	p, err := w.manager.PortByKey(w.t.Context(), "member")
	must(w.t, err)
	stop := w.serve(w.manager.machinePath("member"), netip.AddrPortFrom(p.Address, 6443).String(), "member")
	defer stop()
	w.reaches(w.manager.machinePath("worker"), e.Address.String(), "member")
	w.reaches(w.site.host, e.Address.String(), "member")
}
