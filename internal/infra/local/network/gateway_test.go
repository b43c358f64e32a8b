package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// resolves asks the service address's DNS over UDP from inside a namespace.
func (w *world) resolves(path string) error {
	var c net.Conn
	err := inNamespace(path, func() (err error) {
		c, err = net.Dial("udp4", netip.AddrPortFrom(w.manager.ServiceAddress(), 53).String())
		return err
	})
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("q")); err != nil {
		return err
	}
	b := make([]byte, 16)
	n, err := c.Read(b)
	if err == nil && string(b[:n]) != "answer" {
		err = fmt.Errorf("got %q", b[:n])
	}
	return err
}

// serveDNS answers every datagram.
func (w *world) serveDNS(path, address string) {
	w.t.Helper()
	var c net.PacketConn
	must(w.t, inNamespace(path, func() (err error) {
		c, err = net.ListenPacket("udp4", address)
		return err
	}))
	w.t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 16)
		for {
			_, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			c.WriteTo([]byte("answer"), from)
		}
	}()
}

func TestInternetGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	service := w.manager.ServiceAddress().String()
	agents := net.JoinHostPort(service, fmt.Sprint(agentPort))
	w.serve(w.internet, internetAddress+":80", "internet")
	w.serve(w.internet, internetAddress+":53", "dns")
	w.serveDNS(w.internet, internetAddress+":53")
	w.serve(w.site.host, agents, "agents")
	w.serve(w.site.host, service+":22", "sshd")
	w.serve(w.site.host, hostOutside+":8080", "host service")

	open, closed := w.node(testSubnet("10.0.0.0/24", true), false), w.node(testSubnet("10.0.0.0/24", false), false)
	if peer := w.reaches(open.path, internetAddress+":80", "internet"); peer != hostOutside {
		t.Errorf("the internet sees %s, want the host's address %s", peer, hostOutside)
	}
	w.reaches(open.path, service+":53", "dns")
	must(t, w.resolves(open.path))
	w.reaches(open.path, agents, "agents")
	w.reaches(closed.path, agents, "agents")

	w.refused(closed.path, internetAddress+":80")
	w.refused(closed.path, service+":53")
	if err := w.resolves(closed.path); err == nil {
		t.Error("DNS answers without an internet gateway")
	}
	for _, n := range []node{open, closed} {
		w.refused(n.path, service+":22")
		w.refused(n.path, hostOutside+":8080")
		w.refused(n.path, net.JoinHostPort(hostOutside, fmt.Sprint(agentPort)))
	}
	// A cloud tells whoever asks there the secrets of the host.
	metadata := "169.254.169.254"
	w.address(w.handle(w.internet), "eth0", metadata+"/32")
	must(t, ensureRoute(w.handle(w.site.host), netlink.Route{Dst: host32(netip.MustParseAddr(metadata)), Gw: net.ParseIP(internetAddress)}))
	w.serve(w.internet, metadata+":80", "metadata")
	w.reaches(w.site.host, metadata+":80", "metadata")
	w.refused(open.path, metadata+":80")
	// The service's address is for machines alone, even if a neighbour of the
	// host sends packets for it.
	internet := w.handle(w.internet)
	must(t, ensureRoute(internet, netlink.Route{Dst: ipNet(w.manager.ledger.view().Block), Gw: net.ParseIP(hostOutside)}))
	w.refused(w.internet, agents)
	w.refused(w.internet, open.at(80))
}

func TestPublicEndpointFromOutside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := testSubnet("10.0.0.0/24", false)
	member := w.node(s, true)
	w.serve(member.path, member.at(6443), "member")
	e := w.endpoint(s, true, member)
	private := testSubnet("10.0.0.0/24", false)
	hidden := w.node(private, true)
	w.serve(hidden.path, hidden.at(6443), "hidden")
	p := w.endpoint(private, false, hidden)
	must(t, ensureRoute(w.handle(w.internet), netlink.Route{Dst: ipNet(w.manager.ledger.view().Block), Gw: net.ParseIP(hostOutside)}))
	w.reaches(w.internet, e.Address.String(), "member")
	w.refused(w.internet, p.Address.String())

	// Even where somebody routes it on the host, the router keeps it inside.
	r := w.manager.ledger.view()
	host := w.handle(w.site.host)
	link, err := host.LinkByName(w.manager.names.link(r.VPCs[private.NetworkID].Index))
	must(t, err)
	for _, a := range []netip.AddrPort{p.Address, netip.MustParseAddrPort(hidden.at(6443))} {
		must(t, ensureRoute(host, netlink.Route{
			Dst: host32(a.Addr()), Gw: r.VPCs[private.NetworkID].Router.AsSlice(), LinkIndex: link.Attrs().Index,
			Flags: int(netlink.FLAG_ONLINK), Src: w.manager.ServiceAddress().AsSlice(),
		}))
		w.refused(w.site.host, a.String())
	}
}

func TestNameserverOnLoopback(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.node(testSubnet("10.0.0.0/24", true), false)
	w.serveDNS(w.site.host, "127.0.0.1:53")
	w.serve(w.site.host, "127.0.0.1:9511", "api")
	must(t, writeDurably(w.resolv, []byte("nameserver 127.0.0.1\n")))
	must(t, w.manager.Refresh(t.Context()))
	must(t, w.resolves(n.path))
	later := w.node(testSubnet("10.0.0.0/24", true), false)
	must(t, w.resolves(later.path))
	// The way to loopback is for DNS alone: even a router that routes 127/8
	// out, as no machine can make it, gets no further.
	router := w.manager.routerPath(w.manager.ledger.view().Ports[n.port.ID].VPC)
	h := w.handle(router)
	up, err := h.LinkByName(uplinkName)
	must(t, err)
	must(t, inNamespace(router, func() error {
		return apply([]setting{{path: "ipv4/conf/" + uplinkName + "/route_localnet", value: "1"}})
	}))
	lo, err := h.LinkByName(loName)
	must(t, err)
	must(t, removeAddressOf(h, lo, "127.0.0.1/8"))
	must(t, ensureRoute(h, netlink.Route{
		Dst: ipNet(netip.MustParsePrefix("127.0.0.1/32")), Gw: w.manager.ServiceAddress().AsSlice(),
		LinkIndex: up.Attrs().Index, Flags: int(netlink.FLAG_ONLINK),
	}))
	w.refused(router, "127.0.0.1:9511")

	must(t, writeDurably(w.resolv, nil))
	must(t, w.manager.Refresh(t.Context()))
	if w.resolves(n.path) == nil {
		t.Error("names are resolved on a host without nameserver")
	}
}

func removeAddressOf(h *handle, link netlink.Link, prefix string) error {
	return errors.Join(removeAddress(h, link, netip.MustParsePrefix(prefix)))
}

func TestSubnetGainsInternetGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve(w.internet, internetAddress+":80", "internet")
	s := testSubnet("10.0.0.0/24", false)
	n := w.node(s, false)
	w.refused(n.path, internetAddress+":80")
	s.InternetGateway = true
	w.node(s, false)
	w.reaches(n.path, internetAddress+":80", "internet")
}

// A machine's first packet gets through: a lost one costs it a second, which
// is a quarter of the time in which a cluster is to be there.
func TestFirstPacketArrives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serveDNS(w.internet, internetAddress+":53")
	for i := range 16 {
		n := w.node(testSubnet("10.0.0.0/24", true), i%2 == 0)
		start := time.Now()
		if err := w.resolves(n.path); err != nil {
			t.Errorf("machine %d: its first packet: %v", i, err)
		} else {
			t.Log(time.Since(start))
		}
	}
}
