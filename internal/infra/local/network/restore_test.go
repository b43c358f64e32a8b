package network

import (
	"fmt"
	"net/netip"
	"os"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/hanok/hanok/internal/infra"
)

// town is a network with something of everything in use.
type town struct {
	*world
	subnet         infra.Subnet
	worker, member node
	public         infra.Endpoint
}

func newTown(t *testing.T) *town {
	w := newWorld(t)
	s := testSubnet("10.0.0.0/24", true)
	c := &town{world: w, subnet: s, worker: w.node(s, false), member: w.node(s, true)}
	c.public = w.endpoint(s, true, c.member)
	return c
}

// works checks every way through the town. The listeners end with their
// namespaces, so it makes its own.
func (c *town) works() {
	c.t.Helper()
	agents := netip.AddrPortFrom(c.manager.ServiceAddress(), agentPort).String()
	for _, stop := range []func(){
		c.serve(c.internet, internetAddress+":80", "internet"),
		c.serve(c.member.path, c.member.at(6443), "member"),
		c.serve(c.site.host, agents, "agents"),
	} {
		defer stop()
	}
	c.reaches(c.worker.path, internetAddress+":80", "internet")
	c.reaches(c.worker.path, agents, "agents")
	c.reaches(c.member.path, agents, "agents")
	c.reaches(c.worker.path, c.public.Address.String(), "member")
	c.reaches(c.site.host, c.public.Address.String(), "member")
	c.reaches(c.member.path, c.public.Address.String(), "member")
}

func (c *town) restart() {
	c.t.Helper()
	c.open()
	must(c.t, c.manager.Restore(c.t.Context()))
}

func TestRestoreAfterReboot(t *testing.T) {
	t.Parallel()
	c := newTown(t)
	c.works()
	must(t, c.site.remove(t.Context(), c.inst)) // all that a reboot takes
	must(t, os.RemoveAll(c.site.run))
	c.restart()
	c.works()
	if n := c.node(c.subnet, false); n.port.Address.String() != "10.0.0.3" {
		t.Errorf("the next address is %s, want 10.0.0.3", n.port.Address)
	}
}

func TestRestoreRepairs(t *testing.T) {
	t.Parallel()
	c := newTown(t)
	n := c.manager.names
	router := c.manager.routerPath(c.subnet.NetworkID)
	inRouter := func(fn func(h *handle) error) func() error {
		return func() error {
			h, err := openHandle(router)
			if err != nil {
				return err
			}
			defer h.Close()
			return fn(h)
		}
	}
	host := c.handle(c.site.host)
	for name, damage := range map[string]func() error{
		"nothing":             func() error { return nil },
		"router gone":         func() error { return removeNamespace(router) },
		"machine gone":        func() error { return removeNamespace(c.worker.path) },
		"member gone":         func() error { return removeNamespace(c.member.path) },
		"link gone":           func() error { return removeLink(host, n.link(0)) },
		"service gone":        func() error { return removeLink(host, n.service()) },
		"host rules gone":     func() error { return deleteRules(t.Context(), c.site.host, n.table()) },
		"router rules gone":   func() error { return deleteRules(t.Context(), router, n.table()) },
		"forwarding off":      func() error { return inNamespace(c.site.host, func() error { return writeSetting(hostForward, "0") }) },
		"run directory empty": func() error { return os.RemoveAll(c.site.run) },
		"bridge gone":         inRouter(func(h *handle) error { return removeLink(h, bridgeName(0)) }),
		"port gone":           inRouter(func(h *handle) error { return removeLink(h, portLinkName(c.worker.port.ID)) }),
		"uplink gone":         inRouter(func(h *handle) error { return removeLink(h, uplinkName) }),
		"bridge down":         inRouter(func(h *handle) error { l, _ := h.LinkByName(bridgeName(0)); return h.LinkSetDown(l) }),
		"unplugged": inRouter(func(h *handle) error {
			l, _ := h.LinkByName(portLinkName(c.worker.port.ID))
			return h.LinkSetNoMaster(l)
		}),
		"endpoint gone": inRouter(func(h *handle) error {
			l, _ := h.LinkByName(loName)
			return removeAddress(h, l, netip.PrefixFrom(c.public.Address.Addr(), 32))
		}),
		"half made namespace": func() error {
			if err := removeNamespace(c.worker.path); err != nil {
				return err
			}
			return os.WriteFile(c.worker.path, nil, 0o444)
		},
	} {
		if err := damage(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c.restart()
		if !t.Run(name, func(t *testing.T) { was := c.t; c.t = t; defer func() { c.t = was }(); c.works() }) {
			return
		}
	}
}

// What is right is left alone: interfaces keep their numbers, connections live.
func TestRestoreTouchesNothing(t *testing.T) {
	t.Parallel()
	c := newTown(t)
	c.serve(c.member.path, c.member.at(6443), "member")
	long, err := c.dial(c.site.host, c.public.Address.String())
	must(t, err)
	shape := func() string {
		text := ""
		for _, path := range []string{c.site.host, c.manager.routerPath(c.subnet.NetworkID), c.worker.path, c.member.path} {
			h := c.handle(path)
			links, err := h.LinkList()
			must(t, err)
			for _, l := range links {
				text += fmt.Sprintln(path, l.Attrs().Index, l.Attrs().Name)
			}
			routes, err := h.RouteList(nil, netlink.FAMILY_V4)
			must(t, err)
			for _, r := range routes {
				text += fmt.Sprintln(r)
			}
		}
		return text
	}
	before := shape()
	c.restart()
	if after := shape(); after != before {
		t.Errorf("before:\n%safter:\n%s", before, after)
	}
	if name, _, err := long.ask(); err != nil || name != "member" {
		t.Errorf("the old connection: %q, %v", name, err)
	}
}

// A crash between the end of a thing on record and its end on the host.
func TestRestoreRemovesStrays(t *testing.T) {
	t.Parallel()
	c := newTown(t)
	stray := c.site.namespace(c.manager.names.router("stray"))
	_, err := ensureNamespace(stray)
	must(t, err)
	_, err = ensureNamespace(c.site.namespace(c.manager.names.machine("stray")))
	must(t, err)
	_, err = ensureLink(c.handle(c.site.host), &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: c.manager.names.link(77)}})
	must(t, err)
	c.restart()
	if isNamespace(stray) || isNamespace(c.site.namespace(c.manager.names.machine("stray"))) {
		t.Error("stray namespaces are still there")
	}
	if hasLink(c.handle(c.site.host), c.manager.names.link(77)) {
		t.Error("the stray link is still there")
	}
	c.works()
}
