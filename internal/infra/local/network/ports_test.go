package network

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

func TestPortIsMadeOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := testSubnet("10.0.0.0/24", false)
	first, err := w.manager.CreatePort(t.Context(), infra.PortSpec{Key: "k", Subnet: s})
	must(t, err)
	w.open() // the reply was lost, and the service with it
	again, err := w.manager.CreatePort(t.Context(), infra.PortSpec{Key: "k", Subnet: s})
	must(t, err)
	found, err := w.manager.PortByKey(t.Context(), "k")
	must(t, err)
	if again != first || found != first {
		t.Errorf("made %v, then %v, found %v", first, again, found)
	}
	if _, err := w.manager.PortByKey(t.Context(), "other"); hanok.KindOf(err) != hanok.KindNotFound {
		t.Errorf("unknown key: %v, want not found", err)
	}
	if _, err := w.manager.CreatePort(t.Context(), infra.PortSpec{Key: "k", Subnet: testSubnet("10.0.0.0/24", false)}); hanok.KindOf(err) != hanok.KindConflict {
		t.Errorf("the key in another network: %v, want a conflict", err)
	}
}

func TestAddressesUsedUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := testSubnet("10.0.0.0/29", false)
	s.Gateway = netip.MustParseAddr("10.0.0.6")
	var ids []string
	for i := range 5 {
		p, err := w.manager.CreatePort(t.Context(), infra.PortSpec{Key: fmt.Sprint(i), Subnet: s})
		must(t, err)
		ids = append(ids, p.ID)
	}
	before := w.manager.ledger.view()
	_, err := w.manager.CreatePort(t.Context(), infra.PortSpec{Key: "one more", Subnet: s})
	if hanok.KindOf(err) != hanok.KindUnavailable || !strings.Contains(err.Error(), s.ID) || !strings.Contains(err.Error(), "all 5") {
		t.Errorf("%v: want unavailable, the subnet and the count", err)
	}
	if after := w.manager.ledger.view(); len(after.Ports) != len(before.Ports) {
		t.Errorf("a refused port is on record: %v", after.Ports)
	}
	must(t, w.manager.DeletePort(t.Context(), ids[2]))
	p, err := w.manager.CreatePort(t.Context(), infra.PortSpec{Key: "one more", Subnet: s})
	if err != nil || p.Address.String() != "10.0.0.3" {
		t.Errorf("%v, %v: want the address that was given back", p.Address, err)
	}
	// Control-plane members need none of the subnet's.
	if _, err := w.manager.CreatePort(t.Context(), infra.PortSpec{Key: "member", Subnet: s, ControlPlane: true}); err != nil {
		t.Error(err)
	}
}

func TestPortSpecs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := func() infra.PortSpec { return infra.PortSpec{Key: "k", Subnet: testSubnet("10.0.0.0/24", false)} }
	for name, spoil := range map[string]func(*infra.PortSpec){
		"no key":          func(p *infra.PortSpec) { p.Key = "" },
		"no network":      func(p *infra.PortSpec) { p.Subnet.NetworkID = "" },
		"path as network": func(p *infra.PortSpec) { p.Subnet.NetworkID = "../x" },
		"no subnet id":    func(p *infra.PortSpec) { p.Subnet.ID = "" },
		"no range":        func(p *infra.PortSpec) { p.Subnet.CIDR = netip.Prefix{} },
		"too small":       func(p *infra.PortSpec) { p.Subnet.CIDR = netip.MustParsePrefix("10.0.0.0/31") },
		"IPv6":            func(p *infra.PortSpec) { p.Subnet.CIDR = netip.MustParsePrefix("fd00::/64") },
		"service range":   func(p *infra.PortSpec) { p.Subnet.CIDR = netip.MustParsePrefix("198.18.4.0/24") },
		"foreign gateway": func(p *infra.PortSpec) { p.Subnet.Gateway = netip.MustParseAddr("10.0.1.1") },
	} {
		p := good()
		spoil(&p)
		if _, err := w.manager.CreatePort(t.Context(), p); hanok.KindOf(err) != hanok.KindInvalid {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
	if r := w.manager.ledger.view(); len(r.Ports)+len(r.VPCs)+len(r.Subnets) != 0 {
		t.Errorf("refused ports left records: %+v", r)
	}
}

func TestSubnetMayNotChangeUnderPorts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := testSubnet("10.0.0.0/24", false)
	n := w.node(s, false)
	moved := s
	moved.CIDR, moved.Gateway = netip.MustParsePrefix("10.7.0.0/24"), netip.MustParseAddr("10.7.0.1")
	if _, err := w.manager.CreatePort(t.Context(), infra.PortSpec{Key: "k", Subnet: moved}); hanok.KindOf(err) != hanok.KindConflict {
		t.Errorf("%v, want a conflict", err)
	}
	must(t, w.manager.DetachMachine(t.Context(), n.id))
	must(t, w.manager.DeletePort(t.Context(), n.port.ID))
	p, err := w.manager.CreatePort(t.Context(), infra.PortSpec{Key: "k", Subnet: moved})
	if err != nil || p.Address.String() != "10.7.0.2" {
		t.Errorf("%v, %v, want 10.7.0.2", p.Address, err)
	}
}

// A subnet takes the place of deleted ones whose ranges it covers.
func TestSubnetIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	high, low, neighbour := testSubnet("10.0.1.0/24", false), testSubnet("10.0.0.0/24", false), testSubnet("10.0.2.0/24", false)
	wide := testSubnet("10.0.0.0/23", false)
	low.NetworkID, neighbour.NetworkID, wide.NetworkID = high.NetworkID, high.NetworkID, high.NetworkID
	old := []node{w.node(high, false), w.node(low, false)}
	w.node(neighbour, false)
	for _, n := range old {
		if _, err := w.manager.CreatePort(t.Context(), infra.PortSpec{Key: "k", Subnet: wide}); hanok.KindOf(err) != hanok.KindConflict {
			t.Errorf("a subnet over another in use: %v, want a conflict", err)
		}
		must(t, w.manager.DetachMachine(t.Context(), n.id))
		must(t, w.manager.DeletePort(t.Context(), n.port.ID))
	}
	n, other := w.node(wide, false), w.node(neighbour, false)
	w.serve(n.path, n.at(80), "new")
	w.reaches(other.path, n.at(80), "new")
}

// Many at once, in VPCs that come and go: no address twice, nothing left.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	subnets := []infra.Subnet{testSubnet("10.0.0.0/24", true), testSubnet("10.0.0.0/24", false)}
	var group sync.WaitGroup
	for i := range 12 {
		group.Go(func() {
			s, id := subnets[i%2], fmt.Sprintf("m%d", i)
			p, err := w.manager.CreatePort(t.Context(), infra.PortSpec{Key: id, Subnet: s, ControlPlane: i%3 == 0})
			if err == nil {
				_, err = w.manager.AttachMachine(t.Context(), id, []string{p.ID})
			}
			var e infra.Endpoint
			if err == nil {
				e, err = w.manager.CreateEndpoint(t.Context(), infra.EndpointSpec{Key: id, Subnet: s, Public: true, Port: 6443})
			}
			if err == nil {
				err = w.manager.SetEndpointMembers(t.Context(), e.ID, []netip.AddrPort{netip.AddrPortFrom(p.Address, 6443)})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	r := w.manager.ledger.view()
	seen := map[string]bool{}
	for _, p := range r.Ports {
		where := p.Subnet + p.Address.String()
		if p.ControlPlane {
			where = p.Address.String()
		}
		if seen[where] {
			t.Errorf("%s was given twice", where)
		}
		seen[where] = true
	}
	if len(r.Ports) != 12 || len(r.Endpoints) != 12 || len(r.VPCs) != 2 {
		t.Errorf("%d ports, %d endpoints, %d routers", len(r.Ports), len(r.Endpoints), len(r.VPCs))
	}
	for id, p := range r.Ports {
		group.Go(func() {
			if err := w.manager.DetachMachine(t.Context(), p.Machine); err != nil {
				t.Error(err)
			}
			if err := w.manager.DeletePort(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
	}
	for id := range r.Endpoints {
		group.Go(func() {
			if err := w.manager.DeleteEndpoint(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	list, err := w.site.found(t.Context(), w.inst)
	must(t, err)
	if len(list) != 5 { // interface, route, table, claim, setting
		t.Errorf("left: %v", list)
	}
}
