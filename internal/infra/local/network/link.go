package network

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The functions here look first and act where something differs.

// ensureLink makes an interface, or takes the one of that name when it has
// the wanted hardware address; another one is made anew. It ends up.
func ensureLink(h *handle, want netlink.Link) (netlink.Link, error) {
	attrs := want.Attrs()
	for range 2 {
		have, err := h.LinkByName(attrs.Name)
		if err == nil {
			if have.Type() == want.Type() && bytes.Equal(have.Attrs().HardwareAddr, attrs.HardwareAddr) {
				return have, ensureUp(h, have)
			}
			if err := h.LinkDel(have); err != nil {
				return nil, fmt.Errorf("remove interface %s, which is not as recorded: %w", attrs.Name, err)
			}
		}
		err = h.LinkAdd(want)
		if err == nil {
			// The kernel's answer has no index; later calls want it.
			return h.LinkByName(attrs.Name)
		}
		if !errors.Is(err, syscall.EEXIST) {
			return nil, fmt.Errorf("make interface %s: %w", attrs.Name, err)
		}
	}
	return nil, fmt.Errorf("make interface %s: somebody else makes it at the same time", attrs.Name)
}

func ensureUp(h *handle, link netlink.Link) error {
	if link.Attrs().Flags&net.FlagUp != 0 {
		return nil
	}
	if err := h.LinkSetUp(link); err != nil {
		return fmt.Errorf("set interface %s up: %w", link.Attrs().Name, err)
	}
	return nil
}

// removeLink removes an interface; a missing one is success.
func removeLink(h *handle, name string) error {
	link, err := h.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err == nil {
		err = h.LinkDel(link)
	}
	if err != nil && !errors.Is(err, syscall.ENODEV) {
		return fmt.Errorf("remove interface %s: %w", name, err)
	}
	return nil
}

func ensureAddress(h *handle, link netlink.Link, addr netip.Prefix) error {
	err := h.AddrAdd(link, &netlink.Addr{IPNet: &net.IPNet{IP: addr.Addr().AsSlice(), Mask: net.CIDRMask(addr.Bits(), 32)}})
	if err != nil && !errors.Is(err, syscall.EEXIST) {
		return fmt.Errorf("give address %s to %s: %w", addr, link.Attrs().Name, err)
	}
	return nil
}

// removeAddress takes an address away; a missing one is success.
func removeAddress(h *handle, link netlink.Link, addr netip.Prefix) error {
	err := h.AddrDel(link, &netlink.Addr{IPNet: ipNet(addr)})
	if err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) {
		return fmt.Errorf("take address %s from %s: %w", addr, link.Attrs().Name, err)
	}
	return nil
}

func ensureRoute(h *handle, r netlink.Route) error {
	if err := h.RouteReplace(&r); err != nil {
		return fmt.Errorf("add route %s: %w", r, err)
	}
	return nil
}

// removeRoute removes a route; a missing one is success.
func removeRoute(h *handle, r netlink.Route) error {
	if err := h.RouteDel(&r); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("remove route %s: %w", r, err)
	}
	return nil
}

// ensureNeighbour tells an interface who is at the other end, for good.
func ensureNeighbour(h *handle, link netlink.Link, addr netip.Addr, mac net.HardwareAddr) error {
	err := h.NeighSet(&netlink.Neigh{
		LinkIndex: link.Attrs().Index, Family: unix.AF_INET, State: netlink.NUD_PERMANENT,
		IP: addr.AsSlice(), HardwareAddr: mac,
	})
	if err != nil {
		return fmt.Errorf("tell %s of neighbour %s: %w", link.Attrs().Name, addr, err)
	}
	return nil
}

// removeNeighbour forgets one; a missing one is success.
func removeNeighbour(h *handle, link netlink.Link, addr netip.Addr) error {
	err := h.NeighDel(&netlink.Neigh{LinkIndex: link.Attrs().Index, Family: unix.AF_INET, IP: addr.AsSlice()})
	if err != nil && !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("make %s forget neighbour %s: %w", link.Attrs().Name, addr, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}
}

func host32(a netip.Addr) *net.IPNet { return ipNet(netip.PrefixFrom(a, 32)) }
