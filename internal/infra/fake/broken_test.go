package fake_test

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/infra/infratest"
)

// broken are drivers that each break one sentence of the contract. The suite
// must find every one.
var broken = map[string]func(*fake.Driver) infra.Driver{
	"ports are made twice":             func(d *fake.Driver) infra.Driver { return twicePorts{d} },
	"machines are made twice":          func(d *fake.Driver) infra.Driver { return twiceMachines{d} },
	"a second create takes effect":     func(d *fake.Driver) infra.Driver { return changing{d} },
	"delete of nothing fails":          func(d *fake.Driver) infra.Driver { return strictDelete{d} },
	"ports in use are deleted":         func(d *fake.Driver) infra.Driver { return looseDelete{d} },
	"what does not fit leaves a port":  func(d *fake.Driver) infra.Driver { return leaking{d} },
	"look-ups of nothing succeed":      func(d *fake.Driver) infra.Driver { return blind{d} },
	"restore starts what was stopped":  func(d *fake.Driver) infra.Driver { return eager{d} },
	"machines are never ready":         func(d *fake.Driver) infra.Driver { return stuck{d} },
	"ports go away with the machine":   func(d *fake.Driver) infra.Driver { return tidy{d} },
	"a running machine is resized":     func(d *fake.Driver) infra.Driver { return hot{d} },
	"members are only added":           func(d *fake.Driver) infra.Driver { return &sticky{Driver: d} },
	"cancellation is ignored":          func(d *fake.Driver) infra.Driver { return deaf{d} },
	"capacity forgets machines":        func(d *fake.Driver) infra.Driver { return forgetful{d} },
	"all clusters' machines are one's": func(d *fake.Driver) infra.Driver { return everybodys{d} },
}

const brokenEnv = "HANOK_TEST_BROKEN_DRIVER"

func TestSuiteFindsBrokenDrivers(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestBrokenDriver$")
			cmd.Env = append(os.Environ(), brokenEnv+"="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestBrokenDriver/") {
				t.Errorf("the suite accepts a driver where %s: %v\n%s", name, err, out)
			}
		})
	}
}

// TestBrokenDriver is what TestSuiteFindsBrokenDrivers runs in a process of its own.
func TestBrokenDriver(t *testing.T) {
	wrap, ok := broken[os.Getenv(brokenEnv)]
	if !ok {
		t.Skip("runs only within TestSuiteFindsBrokenDrivers")
	}
	infratest.Run(t, func(t *testing.T) infra.Driver { return wrap(fake.New(fake.Options{})) },
		infratest.Options{Serve: serve, Timeout: 300 * time.Millisecond, Poll: time.Millisecond})
}

type twicePorts struct{ *fake.Driver }

func (d twicePorts) CreatePort(ctx context.Context, s infra.PortSpec) (infra.Port, error) {
	key := s.Key
	s.Key = uuid.NewString()
	p, err := d.Driver.CreatePort(ctx, s)
	p.Key = key
	return p, err
}

type twiceMachines struct{ *fake.Driver }

func (d twiceMachines) CreateMachine(ctx context.Context, s infra.MachineSpec) (infra.Machine, error) {
	s.Key += uuid.NewString()
	s.PortIDs = nil
	return d.Driver.CreateMachine(ctx, s)
}

type changing struct{ *fake.Driver }

func (d changing) CreateMachine(ctx context.Context, s infra.MachineSpec) (infra.Machine, error) {
	m, err := d.Driver.CreateMachine(ctx, s)
	m.Name = s.Name
	return m, err
}

type strictDelete struct{ *fake.Driver }

func (d strictDelete) DeleteMachine(ctx context.Context, id string) error {
	if _, err := d.Machine(ctx, id); err != nil {
		return err
	}
	return d.Driver.DeleteMachine(ctx, id)
}

type looseDelete struct{ *fake.Driver }

func (d looseDelete) DeletePort(ctx context.Context, id string) error {
	if err := d.Driver.DeletePort(ctx, id); hanok.KindOf(err) != hanok.KindConflict {
		return err
	}
	return nil
}

type leaking struct{ *fake.Driver }

func (d leaking) CreateMachine(ctx context.Context, s infra.MachineSpec) (infra.Machine, error) {
	m, err := d.Driver.CreateMachine(ctx, s)
	if hanok.KindOf(err) == hanok.KindUnavailable {
		s.Flavor.MemoryMB, s.BootVolume.SizeGB = 1, 1
		_, _ = d.Driver.CreateMachine(ctx, s)
	}
	return m, err
}

type blind struct{ *fake.Driver }

func (d blind) PortByKey(ctx context.Context, key string) (infra.Port, error) {
	p, err := d.Driver.PortByKey(ctx, key)
	if hanok.KindOf(err) == hanok.KindNotFound {
		return infra.Port{}, nil
	}
	return p, err
}

type eager struct{ *fake.Driver }

func (d eager) Restore(ctx context.Context) error {
	all, err := d.Machines(ctx, "")
	for _, m := range all {
		_ = d.StartMachine(ctx, m.ID)
	}
	return err
}

type stuck struct{ *fake.Driver }

func (d stuck) Machine(ctx context.Context, id string) (infra.Machine, error) {
	m, err := d.Driver.Machine(ctx, id)
	m.Status = infra.MachineBuild
	return m, err
}

type tidy struct{ *fake.Driver }

func (d tidy) DeleteMachine(ctx context.Context, id string) error {
	spec, _ := d.Spec(id)
	err := d.Driver.DeleteMachine(ctx, id)
	for _, p := range spec.PortIDs {
		_ = d.DeletePort(ctx, p)
	}
	return err
}

type hot struct{ *fake.Driver }

func (d hot) ResizeMachine(ctx context.Context, id string, f infra.Flavor) error {
	if err := d.Driver.ResizeMachine(ctx, id, f); hanok.KindOf(err) != hanok.KindConflict {
		return err
	}
	return nil
}

type sticky struct {
	*fake.Driver
	members []netip.AddrPort
}

func (d *sticky) SetEndpointMembers(ctx context.Context, id string, members []netip.AddrPort) error {
	d.members = append(d.members, members...)
	return d.Driver.SetEndpointMembers(ctx, id, d.members)
}

type deaf struct{ *fake.Driver }

func (d deaf) CreatePort(ctx context.Context, s infra.PortSpec) (infra.Port, error) {
	return d.Driver.CreatePort(context.WithoutCancel(ctx), s)
}

type forgetful struct{ *fake.Driver }

func (d forgetful) Capacity(ctx context.Context) (infra.Capacity, error) {
	c, err := d.Driver.Capacity(ctx)
	c.UsedMemoryMB, c.UsedDiskGB = 0, 0
	return c, err
}

type everybodys struct{ *fake.Driver }

func (d everybodys) Machines(ctx context.Context, _ string) ([]infra.Machine, error) {
	return d.Driver.Machines(ctx, "")
}
