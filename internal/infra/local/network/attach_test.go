package network

import (
	"net"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

func TestSameRangeInTwoVPCs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	red, blue := testSubnet("10.0.0.0/24", false), testSubnet("10.0.0.0/24", false)
	r1, r2 := w.node(red, false), w.node(red, false)
	b1, b2 := w.node(blue, false), w.node(blue, false)
	if r2.port.Address != b2.port.Address || r2.port.Address.String() != "10.0.0.3" {
		t.Fatalf("addresses %s and %s, want 10.0.0.3 in both VPCs", r2.port.Address, b2.port.Address)
	}
	w.serve(r2.path, r2.at(80), "red")
	w.serve(b2.path, b2.at(80), "blue")
	w.reaches(r1.path, r2.at(80), "red")
	w.reaches(b1.path, b2.at(80), "blue")
}

func TestTwoSubnetsOfOneVPC(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := testSubnet("10.0.0.0/24", false), testSubnet("10.0.1.0/24", true)
	b.NetworkID = a.NetworkID
	n1, n2 := w.node(a, false), w.node(b, false)
	w.serve(n2.path, n2.at(80), "n2")
	if peer := w.reaches(n1.path, n2.at(80), "n2"); peer != n1.port.Address.String() {
		t.Errorf("n2 sees %s, want n1's own address %s", peer, n1.port.Address)
	}
}

func TestAttachConfiguresTheInterface(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := testSubnet("10.0.0.0/24", false)
	extra := testSubnet("10.9.0.0/16", false)
	extra.NetworkID = s.NetworkID
	p0, err := w.manager.CreatePort(t.Context(), infra.PortSpec{Key: "p0", Subnet: s})
	must(t, err)
	p1, err := w.manager.CreatePort(t.Context(), infra.PortSpec{Key: "p1", Subnet: extra})
	must(t, err)
	for range 2 { // again: changes nothing
		path, err := w.manager.AttachMachine(t.Context(), "m", []string{p0.ID, p1.ID})
		must(t, err)
		must(t, inNamespace(path, func() error {
			for name, want := range map[string]infra.Port{"eth0": p0, "eth1": p1} {
				i, err := net.InterfaceByName(name)
				if err != nil {
					return err
				}
				if i.HardwareAddr.String() != want.MAC || i.Flags&net.FlagUp == 0 || i.MTU != 1500 {
					t.Errorf("%s: %+v, want MAC %s, up, MTU 1500", name, i, want.MAC)
				}
			}
			return nil
		}))
		h := w.handle(path)
		routes, err := h.RouteList(nil, 2)
		must(t, err)
		metrics := map[int]string{}
		for _, r := range routes {
			if r.Gw != nil {
				metrics[r.Priority] = r.Gw.String()
			}
		}
		if len(metrics) != 2 || metrics[0] != "10.0.0.1" || metrics[100] != "10.9.0.1" {
			t.Errorf("default routes by metric %v, want 0: 10.0.0.1 and 100: 10.9.0.1", metrics)
		}
	}
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.node(testSubnet("10.0.0.0/24", false), false)
	if err := w.manager.DeletePort(t.Context(), n.port.ID); hanok.KindOf(err) != hanok.KindConflict {
		t.Errorf("delete an attached port: %v, want a conflict", err)
	}
	if _, err := w.manager.AttachMachine(t.Context(), "other", []string{n.port.ID}); hanok.KindOf(err) != hanok.KindConflict {
		t.Errorf("attach another machine's port: %v, want a conflict", err)
	}
	if _, err := w.manager.AttachMachine(t.Context(), "other", []string{"none"}); hanok.KindOf(err) != hanok.KindNotFound {
		t.Errorf("attach an unknown port: %v, want not found", err)
	}
	for range 2 {
		must(t, w.manager.DetachMachine(t.Context(), n.id))
	}
	for range 2 {
		must(t, w.manager.DeletePort(t.Context(), n.port.ID))
	}
	if isNamespace(n.path) {
		t.Error("the machine's namespace is still there")
	}
	left := w.manager.ledger.view()
	if len(left.VPCs) != 0 || len(left.Pool.Released) != 1 {
		t.Errorf("routers left: %v, addresses given back: %v, want the router's", left.VPCs, left.Pool.Released)
	}
}
