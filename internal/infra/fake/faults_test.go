package fake

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

func TestInjectedFaults(t *testing.T) {
	for _, test := range []struct {
		name       string
		script     []Fault
		wantErrors []bool
		exists     bool // after the first call
	}{
		{"none", nil, []bool{false}, true},
		{"fail", []Fault{Fail}, []bool{true, false}, false},
		{"lose the reply", []Fault{LoseReply}, []bool{true, false}, true},
		{"pass, then fail", []Fault{None, Fail}, []bool{false, true, false}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := New(Options{})
			d.Inject("CreateMachine", test.script...)
			for n, want := range test.wantErrors {
				_, err := d.CreateMachine(t.Context(), infra.MachineSpec{Key: "k"})
				if (err != nil) != want {
					t.Errorf("call %d: error %v, want one: %v", n+1, err, want)
				}
				if exists := len(d.Inventory().Machines) == 1; n == 0 && exists != test.exists {
					t.Errorf("after call 1 the machine exists: %v, want %v", exists, test.exists)
				}
			}
			i := d.Inventory()
			if len(i.Machines) != 1 || i.Calls["CreateMachine"] != len(test.wantErrors) {
				t.Errorf("%d machines after %d calls, want 1 after %d",
					len(i.Machines), i.Calls["CreateMachine"], len(test.wantErrors))
			}
		})
	}
}

func TestRatesAreRepeatable(t *testing.T) {
	outcome := func(seed uint64) (s string) {
		d := New(Options{FailRate: 0.3, LoseRate: 0.3, Seed: seed})
		for range 40 {
			if _, err := d.Capacity(t.Context()); err != nil {
				s += "x"
			} else {
				s += "."
			}
		}
		return s
	}
	if a, b := outcome(1), outcome(1); a != b {
		t.Errorf("one seed gave %s and %s", a, b)
	}
	if a, b := outcome(1), outcome(2); a == b {
		t.Errorf("two seeds gave the same %s", a)
	}
}

func TestKillBreakVanish(t *testing.T) {
	for _, test := range []struct {
		name  string
		force func(*Driver, string) error
		want  infra.MachineStatus
		fault string
	}{
		{"kill", (*Driver).Kill, infra.MachineShutoff, ""},
		{"break", func(d *Driver, id string) error { return d.Break(id, "no disk") }, infra.MachineError, "no disk"},
		{"vanish", (*Driver).Vanish, infra.MachineDeleted, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := New(Options{})
			m, err := d.CreateMachine(t.Context(), infra.MachineSpec{Key: "k"})
			if err != nil {
				t.Fatal(err)
			}
			if err := test.force(d, m.ID); err != nil {
				t.Fatal(err)
			}
			got, err := d.Machine(t.Context(), m.ID)
			if test.want == infra.MachineDeleted {
				if hanok.KindOf(err) != hanok.KindNotFound {
					t.Errorf("machine = %+v, %v, want not found", got, err)
				}
			} else if got.Status != test.want || got.Fault != test.fault {
				t.Errorf("status %s (%q), want %s (%q)", got.Status, got.Fault, test.want, test.fault)
			}
			if err := test.force(d, "unknown"); hanok.KindOf(err) != hanok.KindNotFound {
				t.Errorf("of an unknown machine: %v", err)
			}
		})
	}
}

func TestPollsAndDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Options{Polls: 2, Delay: time.Second})
		start := time.Now()
		m, err := d.CreateMachine(t.Context(), infra.MachineSpec{Key: "k"})
		if err != nil || m.Status != infra.MachineBuild {
			t.Fatalf("CreateMachine = %s, %v, want BUILD", m.Status, err)
		}
		for n, want := range []infra.MachineStatus{infra.MachineBuild, infra.MachineActive, infra.MachineActive} {
			if m, err = d.Machine(t.Context(), m.ID); err != nil || m.Status != want {
				t.Errorf("look %d: %s, %v, want %s", n+1, m.Status, err, want)
			}
		}
		if took := time.Since(start); took != 4*time.Second {
			t.Errorf("four calls took %s, want 4s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if _, err := d.Machine(ctx, m.ID); err != context.DeadlineExceeded {
			t.Errorf("a call that outlasts its deadline: %v", err)
		}
	})
}
