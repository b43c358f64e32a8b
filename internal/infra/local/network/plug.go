package network

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// plug connects a port to its machine's namespace and configures the
// interface there. The caller holds the VPC's lock; the router is there.
func (m *Manager) plug(router, machine *handle, id string, p portRecord, s subnetRecord) error {
	mac, err := net.ParseMAC(p.MAC)
	if err != nil {
		return fmt.Errorf("port %s has hardware address %q on record: %w", id, p.MAC, err)
	}
	bridge, err := router.LinkByName(bridgeName(s.Bridge))
	if err != nil {
		return fmt.Errorf("find the bridge of subnet %s: %w", p.Subnet, err)
	}
	eth, err := m.ensurePair(router, machine, bridge, id, machineInterface(p.Interface), mac)
	if err != nil {
		return err
	}
	if err := ensureUp(machine, eth); err != nil {
		return err
	}
	prefix := netip.PrefixFrom(p.Address, s.CIDR.Bits())
	route := netlink.Route{
		Dst: ipNet(netip.PrefixFrom(netip.IPv4Unspecified(), 0)), Gw: s.Gateway.AsSlice(),
		LinkIndex: eth.Attrs().Index, Priority: 100 * p.Interface,
	}
	if p.ControlPlane {
		prefix = netip.PrefixFrom(p.Address, 32)
		route.Flags = int(netlink.FLAG_ONLINK)
		if err := ensureRoute(router, netlink.Route{
			Dst: host32(p.Address), LinkIndex: bridge.Attrs().Index, Scope: netlink.SCOPE_LINK, Src: s.Gateway.AsSlice(),
		}); err != nil {
			return err
		}
	}
	if err := ensureNeighbour(router, bridge, p.Address, mac); err != nil {
		return err
	}
	if err := ensureAddress(machine, eth, prefix); err != nil {
		return err
	}
	if err := ensureRoute(machine, route); err != nil {
		return err
	}
	if err := settle(machine, eth.Attrs().Name); err != nil {
		return err
	}
	return settle(router, portLinkName(id), bridge.Attrs().Name)
}

// ensurePair makes the veth pair between the subnet's bridge and the machine.
func (m *Manager) ensurePair(router, machine *handle, bridge netlink.Link, id, name string, mac net.HardwareAddr) (netlink.Link, error) {
	outer := portLinkName(id)
	have, errInner := machine.LinkByName(name)
	link, errOuter := router.LinkByName(outer)
	if errInner == nil && errOuter == nil && have.Attrs().HardwareAddr.String() == mac.String() {
		if link.Attrs().MasterIndex != bridge.Attrs().Index {
			if err := router.LinkSetMaster(link, bridge); err != nil {
				return nil, fmt.Errorf("plug %s into %s: %w", outer, bridge.Attrs().Name, err)
			}
		}
		return have, ensureUp(router, link)
	}
	// Half a pair belongs to a namespace that is gone.
	if err := removeLink(router, outer); err != nil {
		return nil, err
	}
	if err := removeLink(machine, name); err != nil {
		return nil, err
	}
	err := router.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{
			Name: outer, MasterIndex: bridge.Attrs().Index, MTU: m.mtu, TxQLen: -1, Flags: net.FlagUp,
		},
		PeerName: name, PeerNamespace: netlink.NsFd(machine.ns), PeerHardwareAddr: mac, PeerTxQLen: -1,
	})
	if err != nil {
		return nil, fmt.Errorf("plug port %s into its machine: %w", id, err)
	}
	return machine.LinkByName(name)
}

// unplug takes the port out of its machine. The caller holds the VPC's lock.
func (m *Manager) unplug(router *handle, id string, p portRecord, s subnetRecord) error {
	if err := removeLink(router, portLinkName(id)); err != nil {
		return err
	}
	bridge, err := router.LinkByName(bridgeName(s.Bridge))
	if err != nil {
		return nil // without the bridge there is neither route nor neighbour
	}
	if err := removeNeighbour(router, bridge, p.Address); err != nil {
		return err
	}
	if !p.ControlPlane {
		return nil
	}
	return removeRoute(router, netlink.Route{Dst: host32(p.Address), LinkIndex: bridge.Attrs().Index})
}
