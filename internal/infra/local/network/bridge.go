package network

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
)

// ensureBridges makes a bridge for each subnet and removes all others: a
// deleted subnet's would compete for the addresses of a new one.
func (m *Manager) ensureBridges(h *handle, subnets []subnetRecord) error {
	links, err := h.LinkList()
	if err != nil {
		return fmt.Errorf("list the router's interfaces: %w", err)
	}
	var want []string
	for _, s := range subnets {
		want = append(want, bridgeName(s.Bridge))
	}
	for _, l := range links {
		if name := l.Attrs().Name; l.Type() == "bridge" && !slices.Contains(want, name) {
			if err := removeLink(h, name); err != nil {
				return err
			}
		}
	}
	for _, s := range subnets {
		if err := m.ensureBridge(h, s); err != nil {
			return fmt.Errorf("bridge of subnet range %s: %w", s.CIDR, err)
		}
	}
	return nil
}

// ensureBridge makes a subnet's bridge, which holds the gateway's address and
// no other.
func (m *Manager) ensureBridge(h *handle, s subnetRecord) error {
	off := false
	link, err := ensureLink(h, &netlink.Bridge{
		LinkAttrs: netlink.LinkAttrs{
			Name: bridgeName(s.Bridge), HardwareAddr: bridgeMAC(s.Bridge), MTU: m.mtu, TxQLen: -1, Flags: net.FlagUp,
		},
		MulticastSnooping: &off,
	})
	if err != nil {
		return err
	}
	gateway := netip.PrefixFrom(s.Gateway, s.CIDR.Bits())
	have, err := h.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("list the addresses of %s: %w", link.Attrs().Name, err)
	}
	for _, a := range have {
		addr, ok := netip.AddrFromSlice(a.IP.To4())
		ones, _ := a.Mask.Size()
		if old := netip.PrefixFrom(addr, ones); ok && old != gateway {
			if err := removeAddress(h, link, old); err != nil {
				return err
			}
		}
	}
	return ensureAddress(h, link, gateway)
}

func bridgeNumbers(subnets []subnetRecord) []int {
	list := make([]int, len(subnets))
	for i, s := range subnets {
		list[i] = s.Bridge
	}
	return list
}
