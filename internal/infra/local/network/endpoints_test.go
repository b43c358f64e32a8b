package network

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

func (w *world) endpoint(s infra.Subnet, public bool, members ...node) infra.Endpoint {
	w.t.Helper()
	e, err := w.manager.CreateEndpoint(w.t.Context(), infra.EndpointSpec{Key: "ep-" + s.ID, Subnet: s, Public: public, Port: 6443})
	must(w.t, err)
	w.members(e, members...)
	return e
}

func (w *world) members(e infra.Endpoint, members ...node) {
	w.t.Helper()
	var list []netip.AddrPort
	for _, n := range members {
		list = append(list, netip.MustParseAddrPort(n.at(6443)))
	}
	must(w.t, w.manager.SetEndpointMembers(w.t.Context(), e.ID, list))
}

// dialEndpoint asks the endpoint as the service does.
func (w *world) dialEndpoint(e infra.Endpoint) (string, error) {
	c, err := w.manager.DialEndpoint(w.t.Context(), e.ID)
	if err != nil {
		return "", err
	}
	defer c.Close()
	name, _, err := newTalk(c).ask()
	return name, err
}

func TestEndpointPrivate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := testSubnet("10.0.0.0/24", false)
	worker, member := w.node(s, false), w.node(s, true)
	w.serve(member.path, member.at(6443), "member")
	e := w.endpoint(s, false, member)
	if !serviceRange.Contains(e.Address.Addr()) || !serviceRange.Contains(member.port.Address) {
		t.Errorf("endpoint %s, member %s: want both in %s", e.Address, member.port.Address, serviceRange)
	}
	if peer := w.reaches(worker.path, e.Address.String(), "member"); peer != worker.port.Address.String() {
		t.Errorf("the member sees %s, want the worker's address %s", peer, worker.port.Address)
	}
	w.reaches(member.path, e.Address.String(), "member") // through its own endpoint to itself
	if name, err := w.dialEndpoint(e); err != nil || name != "member" {
		t.Errorf("the service got %q, %v", name, err)
	}
	w.refused(w.site.host, e.Address.String())

	other := testSubnet("10.0.0.0/24", true)
	w.refused(w.node(other, false).path, e.Address.String())
}

func TestEndpointPublic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := testSubnet("10.0.0.0/24", false)
	worker, member := w.node(s, false), w.node(s, true)
	w.serve(member.path, member.at(6443), "member")
	w.serve(member.path, member.at(80), "not for others")
	e := w.endpoint(s, true, member)
	w.reaches(worker.path, e.Address.String(), "member")
	w.reaches(member.path, e.Address.String(), "member")
	w.reaches(w.site.host, e.Address.String(), "member")
	w.refused(w.site.host, netip.AddrPortFrom(e.Address.Addr(), 80).String())
	w.refused(w.site.host, member.at(80))
	w.refused(w.site.host, member.at(6443))

	// Another VPC may use it as any client on the internet, if it has that.
	open, closed := testSubnet("10.0.0.0/24", true), testSubnet("10.0.0.0/24", false)
	w.reaches(w.node(open, false).path, e.Address.String(), "member")
	w.refused(w.node(closed, false).path, e.Address.String())

	must(t, w.manager.DeleteEndpoint(t.Context(), e.ID))
	w.refused(w.site.host, e.Address.String())
	w.refused(worker.path, e.Address.String())
}

func TestEndpointMovesBetweenMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := testSubnet("10.0.0.0/24", false)
	worker, m1, m2 := w.node(s, false), w.node(s, true), w.node(s, true)
	w.serve(m1.path, m1.at(6443), "m1")
	w.serve(m2.path, m2.at(6443), "m2")
	e := w.endpoint(s, true)
	_, err := w.dial(worker.path, e.Address.String())
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("endpoint without members: %v, want connection refused", err)
	}

	w.members(e, m1)
	long, err := w.dial(worker.path, e.Address.String())
	must(t, err)
	fromHost, err := w.dial(w.site.host, e.Address.String())
	must(t, err)
	speaks := func(c *talk, want string) {
		t.Helper()
		if name, _, err := c.ask(); err != nil || name != want {
			t.Errorf("%q, %v: want %q on the old connection", name, err, want)
		}
	}
	speaks(long, "m1")
	w.members(e, m1, m2)
	speaks(long, "m1")
	speaks(fromHost, "m1")
	seen := map[string]bool{}
	for range 64 { // by lot: all on one side is one case in 2^63
		c, err := w.dial(worker.path, e.Address.String())
		must(t, err)
		name, _, err := c.ask()
		must(t, err)
		seen[name] = true
		c.Close()
	}
	if !seen["m1"] || !seen["m2"] {
		t.Errorf("64 connections went to %v, want both members", seen)
	}
	w.members(e, m2)
	w.reaches(worker.path, e.Address.String(), "m2")
	w.reaches(w.site.host, e.Address.String(), "m2")
	for _, c := range []*talk{long, fromHost} {
		if name, _, err := c.ask(); err == nil {
			t.Errorf("connection to the removed member: %q answered, want a reset", name)
		}
	}
}

func TestEndpointRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := testSubnet("10.0.0.0/24", false)
	e := w.endpoint(s, true)
	again := w.endpoint(s, true)
	if e != again {
		t.Errorf("the same key gave %v and %v", e, again)
	}
	if found, err := w.manager.EndpointByKey(t.Context(), e.Key); err != nil || found != e {
		t.Errorf("by key: %v, %v", found, err)
	}
	v6 := []netip.AddrPort{netip.MustParseAddrPort("[::1]:6443")}
	if err := w.manager.SetEndpointMembers(t.Context(), e.ID, v6); hanok.KindOf(err) != hanok.KindInvalid {
		t.Errorf("IPv6 member: %v, want invalid", err)
	}
	for range 2 {
		must(t, w.manager.DeleteEndpoint(t.Context(), e.ID))
	}
	if _, err := w.manager.EndpointByKey(t.Context(), e.Key); hanok.KindOf(err) != hanok.KindNotFound {
		t.Errorf("deleted endpoint by key: %v, want not found", err)
	}
	if err := w.manager.SetEndpointMembers(t.Context(), e.ID, nil); hanok.KindOf(err) != hanok.KindNotFound {
		t.Errorf("members of a deleted endpoint: %v, want not found", err)
	}
	if back := w.manager.ledger.view().Pool.Released; len(back) != 2 {
		t.Errorf("addresses given back: %v, want the endpoint's and the router's", back)
	}
	if isNamespace(w.manager.routerPath(s.NetworkID)) {
		t.Error("the router outlived its last endpoint")
	}
}
