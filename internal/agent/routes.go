package agent

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// routeProtocol marks the routes that the agent made, as the kernel lets each
// routing program do: it removes no other.
const routeProtocol netlink.RouteProtocol = 104

// syncRoutes makes the agent's routes on an interface those of the nodes.
func syncRoutes(link string, nodes map[string]podRoute) error {
	l, err := netlink.LinkByName(link)
	if err != nil {
		return fmt.Errorf("interface %s: %w", link, err)
	}
	index := l.Attrs().Index
	have, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{
		LinkIndex: index,
		Protocol:  routeProtocol,
	}, netlink.RT_FILTER_OIF|netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return fmt.Errorf("routes of %s: %w", link, err)
	}
	wanted := make(map[netip.Prefix]netip.Addr, len(nodes))
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		r := nodes[name]
		if _, taken := wanted[r.pods]; !taken { // of two that claim a subnet the first by name has it
			wanted[r.pods] = r.via
		}
	}
	var failures []error
	for _, r := range have {
		pods, via := prefixOf(r.Dst), addrOf(r.Gw)
		if wanted[pods] == via && via.IsValid() {
			delete(wanted, pods) // in place
		} else if _, replaced := wanted[pods]; !replaced {
			if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
				failures = append(failures, fmt.Errorf("remove route %s: %w", pods, err))
			}
		}
	}
	for pods, via := range wanted {
		err := netlink.RouteReplace(&netlink.Route{
			LinkIndex: index,
			Dst:       &net.IPNet{IP: pods.Addr().AsSlice(), Mask: net.CIDRMask(pods.Bits(), pods.Addr().BitLen())},
			Gw:        via.AsSlice(),
			Flags:     int(netlink.FLAG_ONLINK),
			Protocol:  routeProtocol,
		})
		if err != nil {
			failures = append(failures, fmt.Errorf("route %s via %s: %w", pods, via, err))
		}
	}
	return errors.Join(failures...)
}

func prefixOf(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(addrOf(n.IP), bits)
}

func addrOf(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
