package infratest

import (
	"errors"
	"net/netip"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

func portLifecycle(f *fixture) {
	spec := f.portSpec(f.o.Subnet)
	_, err := f.d.PortByKey(f.ctx, spec.Key)
	f.wantKind("PortByKey before create", err, hanok.KindNotFound)

	p := f.port(spec)
	switch {
	case p.ID == "" || p.Key != spec.Key || p.MAC == "":
		f.Errorf("port %+v lacks id, key or MAC", p)
	case !spec.Subnet.CIDR.Contains(p.Address):
		f.Errorf("port address %s is outside of %s", p.Address, spec.Subnet.CIDR)
	case p.Address == spec.Subnet.Gateway, p.Address == spec.Subnet.CIDR.Masked().Addr():
		f.Errorf("port address %s belongs to the gateway or the network", p.Address)
	}
	if again := f.port(spec); again != p {
		f.Errorf("CreatePort again = %+v, want the first's %+v", again, p)
	}
	if got, err := f.d.PortByKey(f.ctx, spec.Key); err != nil || got != p {
		f.Errorf("PortByKey = %+v, %v, want %+v", got, err, p)
	}
	if other := f.port(f.portSpec(f.o.Subnet)); other.Address == p.Address || other.ID == p.ID || other.MAC == p.MAC {
		f.Errorf("two ports share an address, id or MAC: %+v and %+v", p, other)
	}
	f.ok("DeletePort", f.d.DeletePort(f.ctx, p.ID))
	f.ok("DeletePort again", f.d.DeletePort(f.ctx, p.ID))
	_, err = f.d.PortByKey(f.ctx, spec.Key)
	f.wantKind("PortByKey after delete", err, hanok.KindNotFound)
}

// portsOverlap: subnets of two projects with one range do not see each other,
// so their addresses are counted apart.
func portsOverlap(f *fixture) {
	a := f.port(f.portSpec(f.o.Subnet))
	b := f.port(f.portSpec(f.o.Other))
	if a.ID == b.ID {
		f.Errorf("ports of two networks share the id %s", a.ID)
	}
	for _, c := range []struct {
		p infra.Port
		s infra.Subnet
	}{{a, f.o.Subnet}, {b, f.o.Other}} {
		if !c.s.CIDR.Contains(c.p.Address) {
			f.Errorf("address %s is outside of %s", c.p.Address, c.s.CIDR)
		}
	}
}

func portsUsedUp(f *fixture) {
	// The network, the broadcast and the gateway's address are not for ports.
	room := 1<<(32-f.o.Small.CIDR.Bits()) - 3
	seen := map[netip.Addr]bool{}
	for range room {
		p := f.port(f.portSpec(f.o.Small))
		if seen[p.Address] {
			f.Errorf("address %s was given twice", p.Address)
		}
		seen[p.Address] = true
	}
	spec := f.portSpec(f.o.Small)
	_, err := f.createPort(spec)
	f.wantKind("CreatePort in a full subnet", err, hanok.KindUnavailable)
	var e *hanok.Error
	if errors.As(err, &e) && e.Detail == "" {
		f.Error("the error of a full subnet says nothing")
	}
	_, err = f.d.PortByKey(f.ctx, spec.Key)
	f.wantKind("PortByKey after a refused create", err, hanok.KindNotFound)

	f.ok("DeletePort", f.d.DeletePort(f.ctx, f.ports[0]))
	if p := f.port(spec); !seen[p.Address] {
		f.Errorf("the freed address was not given again, but %s", p.Address)
	}
}

func controlPlanePort(f *fixture) {
	spec := f.portSpec(f.o.Subnet)
	spec.ControlPlane = true
	p := f.port(spec)
	if service := netip.MustParsePrefix("198.18.0.0/19"); !service.Contains(p.Address) {
		f.Errorf("a control-plane member got %s, want an address of %s", p.Address, service)
	}
	if p.Address == f.d.AgentAddress().Addr() {
		f.Errorf("a control-plane member got the service's own address %s", p.Address)
	}
	if again := f.port(spec); again != p {
		f.Errorf("CreatePort again = %+v, want %+v", again, p)
	}
}

func portInUse(f *fixture) {
	m, p := f.active()
	f.wantKind("DeletePort of a running machine's port", f.d.DeletePort(f.ctx, p.ID), hanok.KindConflict)
	if got, err := f.d.PortByKey(f.ctx, p.Key); err != nil || got != p {
		f.Errorf("PortByKey after the refused delete = %+v, %v", got, err)
	}
	f.ok("DeleteMachine", f.d.DeleteMachine(f.ctx, m.ID))
	f.await(m.ID, infra.MachineDeleted)
	if got, err := f.d.PortByKey(f.ctx, p.Key); err != nil || got != p {
		f.Errorf("the port went away with its machine: %+v, %v", got, err)
	}
	f.ok("DeletePort after the machine", f.d.DeletePort(f.ctx, p.ID))
}
