package network

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// ensureUplink makes the veth pair between host and router.
func (m *Manager) ensureUplink(host, router *handle, index int) error {
	name := m.names.link(index)
	outer, inner := m.names.linkMAC(hostSide, index), m.names.linkMAC(routerSide, index)
	up, err := router.LinkByName(uplinkName)
	if err == nil && up.Attrs().HardwareAddr.String() == inner.String() && hasLink(host, name) {
		return nil
	}
	// One end without the other is another router's, or a removed one's.
	if err := errors.Join(removeLink(router, uplinkName), removeLink(host, name)); err != nil {
		return err
	}
	err = host.LinkAdd(&netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: name, HardwareAddr: outer, MTU: m.mtu, TxQLen: -1},
		PeerName:      uplinkName,
		PeerNamespace: netlink.NsFd(router.ns), PeerHardwareAddr: inner, PeerTxQLen: -1,
	})
	if err != nil {
		return fmt.Errorf("make link %s to the router: %w", name, err)
	}
	return nil
}

// routeUplink sets both ends up and tells each side of the other.
func (m *Manager) routeUplink(host, router *handle, record vpcRecord) error {
	name := m.names.link(record.Index)
	outer, err := host.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}
	inner, err := router.LinkByName(uplinkName)
	if err != nil {
		return fmt.Errorf("find the router's end of link %s: %w", name, err)
	}
	// Before it is up: a link-local address would open the host's IPv6 ports.
	settings := []setting{{path: "ipv6/conf/" + name + "/disable_ipv6", value: "1", optional: true}}
	if m.dnsOnLoopback() {
		settings = append(settings, setting{path: "ipv4/conf/" + name + "/route_localnet", value: "1"})
	}
	if err := inNamespace(m.site.host, func() error { return apply(settings) }); err != nil {
		return err
	}
	return errors.Join(
		ensureUp(host, outer),
		ensureUp(router, inner),
		ensureAddress(router, inner, netip.PrefixFrom(record.Router, 32)),
		ensureNeighbour(host, outer, record.Router, m.names.linkMAC(routerSide, record.Index)),
		ensureNeighbour(router, inner, m.service, m.names.linkMAC(hostSide, record.Index)),
		ensureRoute(host, netlink.Route{
			Dst: host32(record.Router), LinkIndex: outer.Attrs().Index, Scope: netlink.SCOPE_LINK,
			Src: m.service.AsSlice(), Protocol: routeProtocol,
		}),
		ensureRoute(router, netlink.Route{
			Dst: ipNet(netip.PrefixFrom(netip.IPv4Unspecified(), 0)), Gw: m.service.AsSlice(),
			LinkIndex: inner.Attrs().Index, Flags: int(netlink.FLAG_ONLINK),
		}),
		settle(host, name),
		settle(router, uplinkName),
	)
}

func (m *Manager) dnsOnLoopback() bool {
	m.host.Lock()
	defer m.host.Unlock()
	return m.nameserver.IsLoopback()
}
