package infratest

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

func newUUID() string { return uuid.NewString() }

// fixture is one test's driver with what the test made in it.
type fixture struct {
	*testing.T
	d       infra.Driver
	o       Options
	ctx     context.Context
	cluster string

	machines, ports, endpoints, portKeys []string
}

func (f *fixture) portSpec(subnet infra.Subnet) infra.PortSpec {
	return infra.PortSpec{Key: "port-" + newUUID(), ClusterUUID: f.cluster, ProjectID: subnet.ProjectID, Subnet: subnet}
}

func (f *fixture) createPort(spec infra.PortSpec) (infra.Port, error) {
	p, err := f.d.CreatePort(f.ctx, spec)
	if err == nil {
		f.ports = append(f.ports, p.ID)
		f.portKeys = append(f.portKeys, spec.Key)
	}
	return p, err
}

func (f *fixture) port(spec infra.PortSpec) infra.Port {
	f.Helper()
	p, err := f.createPort(spec)
	if err != nil {
		f.Fatalf("CreatePort: %v", err)
	}
	return p
}

func (f *fixture) machineSpec(ports ...infra.Port) infra.MachineSpec {
	spec := infra.MachineSpec{
		Key: "machine-" + newUUID(), Name: "suite-" + newUUID()[:8], ClusterUUID: f.cluster,
		ProjectID: f.o.Subnet.ProjectID, Role: hanok.RoleWorker,
		Flavor: f.o.Flavor, Image: f.o.Image, BootVolume: f.o.BootVolume,
		Keypair: f.o.Keypair, UserData: f.o.UserData, Zone: f.o.Zone,
	}
	for _, p := range ports {
		spec.PortIDs = append(spec.PortIDs, p.ID)
	}
	return spec
}

func (f *fixture) createMachine(spec infra.MachineSpec) (infra.Machine, error) {
	m, err := f.d.CreateMachine(f.ctx, spec)
	if err == nil {
		f.machines = append(f.machines, m.ID)
	}
	return m, err
}

func (f *fixture) machine(spec infra.MachineSpec) infra.Machine {
	f.Helper()
	m, err := f.createMachine(spec)
	if err != nil {
		f.Fatalf("CreateMachine: %v", err)
	}
	return m
}

// active makes a machine with a port of the suite's subnet and waits for it.
func (f *fixture) active() (infra.Machine, infra.Port) {
	f.Helper()
	p := f.port(f.portSpec(f.o.Subnet))
	m := f.machine(f.machineSpec(p))
	return f.await(m.ID, infra.MachineActive), p
}

func (f *fixture) endpoint(spec infra.EndpointSpec) infra.Endpoint {
	f.Helper()
	e, err := f.d.CreateEndpoint(f.ctx, spec)
	if err != nil {
		f.Fatalf("CreateEndpoint: %v", err)
	}
	f.endpoints = append(f.endpoints, e.ID)
	return e
}

// await polls until the machine has the status; MachineDeleted is also
// reached when it can no longer be found.
func (f *fixture) await(id string, want infra.MachineStatus) infra.Machine {
	f.Helper()
	for deadline := time.Now().Add(f.o.Timeout); ; time.Sleep(f.o.Poll) {
		m, err := f.d.Machine(f.ctx, id)
		switch {
		case hanok.KindOf(err) == hanok.KindNotFound && want == infra.MachineDeleted:
			return m
		case err != nil:
			f.Fatalf("waiting for machine %s to be %s: %v", id, want, err)
		case m.Status == want:
			return m
		case m.Status == infra.MachineError:
			f.Fatalf("machine %s is in ERROR: %s", id, m.Fault)
		case time.Now().After(deadline):
			f.Fatalf("machine %s is still %s after %s, want %s", id, m.Status, f.o.Timeout, want)
		}
	}
}

func (f *fixture) capacity() infra.Capacity {
	f.Helper()
	c, err := f.d.Capacity(f.ctx)
	if err != nil {
		f.Fatalf("Capacity: %v", err)
	}
	return c
}

func (f *fixture) wantKind(what string, err error, want hanok.Kind) {
	f.Helper()
	if err == nil || hanok.KindOf(err) != want {
		f.Errorf("%s: error %v of kind %d, want kind %d", what, err, hanok.KindOf(err), want)
	}
}

func (f *fixture) ok(what string, err error) {
	f.Helper()
	if err != nil {
		f.Fatalf("%s: %v", what, err)
	}
}

// deleteAll removes what the test made, in the order that the service does:
// endpoints, machines, then the ports that they used.
func (f *fixture) deleteAll() {
	f.Helper()
	for _, id := range f.endpoints {
		f.ok("DeleteEndpoint", f.d.DeleteEndpoint(f.ctx, id))
	}
	for _, id := range f.machines {
		f.ok("DeleteMachine", f.d.DeleteMachine(f.ctx, id))
	}
	for _, id := range f.machines {
		f.await(id, infra.MachineDeleted)
	}
	for _, id := range f.ports {
		f.ok("DeletePort", f.d.DeletePort(f.ctx, id))
	}
}
