package network

import (
	"errors"
	"time"

	"github.com/vishvananda/netlink"
)

// The kernel lists links, addresses and routes in pieces. When something
// changes between two of them, a list may lack entries or have them twice, and
// the kernel says so: where other installations come and go that is
// everyday, and asking again is the remedy.

// dumpPatience is how long a list is asked for again. A quiet moment of a
// millisecond is enough.
const dumpPatience = 5 * time.Second

// whole asks until the list is consistent, or gives the last error.
func whole[T any](list func() ([]T, error)) ([]T, error) {
	for deadline := time.Now().Add(dumpPatience); ; {
		all, err := list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) || time.Now().After(deadline) {
			return all, err
		}
	}
}

// LinkList lists the interfaces, consistently.
func (h *handle) LinkList() ([]netlink.Link, error) { return whole(h.Handle.LinkList) }

// AddrList lists an interface's addresses, consistently.
func (h *handle) AddrList(link netlink.Link, family int) ([]netlink.Addr, error) {
	return whole(func() ([]netlink.Addr, error) { return h.Handle.AddrList(link, family) })
}

// RouteList lists the routes of the main table, consistently.
func (h *handle) RouteList(link netlink.Link, family int) ([]netlink.Route, error) {
	return whole(func() ([]netlink.Route, error) { return h.Handle.RouteList(link, family) })
}

// RouteListFiltered lists the routes that match, consistently.
func (h *handle) RouteListFiltered(family int, filter *netlink.Route, mask uint64) ([]netlink.Route, error) {
	return whole(func() ([]netlink.Route, error) { return h.Handle.RouteListFiltered(family, filter, mask) })
}
