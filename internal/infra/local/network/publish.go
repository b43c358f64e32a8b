package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/hanok/hanok"
)

// applyEndpoint brings the VPC's router and the host in line with an
// endpoint's record. The caller holds the VPC's lock.
func (m *Manager) applyEndpoint(ctx context.Context, e endpointRecord) error {
	if err := m.ensureRouter(ctx, e.VPC, false); err != nil {
		return err
	}
	r := m.ledger.view()
	router, err := openHandle(m.routerPath(e.VPC))
	if err != nil {
		return err
	}
	defer router.Close()
	if err := m.ensureEndpointAddresses(router, r, e.VPC); err != nil {
		return err
	}
	return m.publish(ctx, r, e)
}

// ensureEndpointAddresses gives the router the addresses of its endpoints, and
// takes away those of endpoints that are gone. An address of its own is what
// lets the router refuse connections to an endpoint without members.
func (m *Manager) ensureEndpointAddresses(router *handle, r records, vpc string) error {
	lo, err := router.LinkByName(loName)
	if err != nil {
		return fmt.Errorf("find the router's loopback interface: %w", err)
	}
	have, err := router.AddrList(lo, unix.AF_INET)
	if err != nil {
		return fmt.Errorf("list the router's endpoint addresses: %w", err)
	}
	want := map[netip.Addr]bool{}
	for _, e := range r.Endpoints {
		if e.VPC == vpc && !e.Deleted {
			want[e.Address.Addr()] = true
		}
	}
	for _, h := range have {
		a, ok := netip.AddrFromSlice(h.IP.To4())
		switch {
		case !ok || !r.Block.Contains(a):
		case want[a]:
			delete(want, a)
		default:
			if err := removeAddress(router, lo, netip.PrefixFrom(a, 32)); err != nil {
				return err
			}
		}
	}
	for a := range want {
		if err := ensureAddress(router, lo, netip.PrefixFrom(a, 32)); err != nil {
			return err
		}
	}
	return nil
}

// publish makes a public endpoint reachable on the host, or ends that.
func (m *Manager) publish(ctx context.Context, r records, e endpointRecord) error {
	if !e.Public {
		return nil
	}
	host, err := openHandle(m.site.host)
	if err != nil {
		return err
	}
	defer host.Close()
	vpc := r.VPCs[e.VPC]
	link, err := host.LinkByName(m.names.link(vpc.Index))
	if err != nil {
		return fmt.Errorf("find the link to the router of VPC %s: %w", e.VPC, err)
	}
	route := netlink.Route{
		Dst: host32(e.Address.Addr()), Gw: vpc.Router.AsSlice(), LinkIndex: link.Attrs().Index,
		Flags: int(netlink.FLAG_ONLINK), Src: m.service.AsSlice(), Protocol: routeProtocol,
	}
	if e.Deleted {
		err = removeRoute(host, route)
	} else {
		err = ensureRoute(host, route)
	}
	if err != nil {
		return err
	}
	return m.loadHostRules(ctx)
}

// strangers matches connections through an endpoint to members that it no
// longer has.
type strangers endpointRecord

// MatchConntrackFlow tells whether a connection is one of them.
func (e strangers) MatchConntrackFlow(f *netlink.ConntrackFlow) bool {
	to, ok := netip.AddrFromSlice(f.Forward.DstIP.To4())
	if !ok || f.Forward.Protocol != unix.IPPROTO_TCP || netip.AddrPortFrom(to, f.Forward.DstPort) != e.Address {
		return false
	}
	by, _ := netip.AddrFromSlice(f.Reverse.SrcIP.To4())
	return e.Deleted || !slices.Contains(e.Members, netip.AddrPortFrom(by, f.Reverse.SrcPort))
}

// cutConnections makes the router forget connections to former members: the
// next packet meets a member that does not know it, or none, and is reset. It
// is a courtesy to clients, so a kernel that cannot is no error.
func (m *Manager) cutConnections(e endpointRecord) error {
	router, err := openHandle(m.routerPath(e.VPC), unix.NETLINK_NETFILTER)
	if err != nil {
		return err
	}
	defer router.Close()
	_, err = router.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, strangers(e))
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("end connections to former members of endpoint %s: %w", e.Address, err)
	}
	return nil
}

// DialEndpoint connects from the service to the endpoint, public or not.
// The connection keeps working when the endpoint's members change, as long as
// its own member stays; close it before the endpoint is deleted.
func (m *Manager) DialEndpoint(ctx context.Context, id string) (net.Conn, error) {
	e, ok := m.ledger.view().Endpoints[id]
	if !ok {
		return nil, hanok.NotFound("endpoint", id)
	}
	var conn net.Conn
	err := inNamespace(m.routerPath(e.VPC), func() (err error) {
		// A literal address of one family: no resolver, no second goroutine,
		// so the socket is made on this thread.
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp4", e.Address.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("connect to endpoint %s: %w", e.Address, err)
	}
	return conn, nil
}
