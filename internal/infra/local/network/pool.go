package network

import (
	"net/netip"
	"slices"
)

// maxReleased bounds the memory of released addresses: with that many waiting,
// the one that was released first is old enough to come back.
const maxReleased = 1024

// pool hands out addresses of a prefix: the lowest that was never used, then
// the one that was released longest ago, so that a new machine does not meet
// connections and neighbour entries of an old one. It is a value: take and
// release give a new pool and leave the old one as it was.
type pool struct {
	Last     netip.Addr   `json:"last,omitzero"`      // highest address ever handed out
	Released []netip.Addr `json:"released,omitempty"` // oldest first
}

// take gives the next address of prefix but its first, its last, and those
// in reserved; false when all are in use.
func (p pool) take(prefix netip.Prefix, reserved ...netip.Addr) (netip.Addr, pool, bool) {
	if len(p.Released) < maxReleased {
		if a, ok := p.fresh(prefix, reserved); ok {
			return a, pool{Last: a, Released: p.Released}, true
		}
	}
	if len(p.Released) == 0 {
		return netip.Addr{}, p, false
	}
	return p.Released[0], pool{Last: p.Last, Released: slices.Clone(p.Released[1:])}, true
}

func (p pool) fresh(prefix netip.Prefix, reserved []netip.Addr) (netip.Addr, bool) {
	prefix = prefix.Masked()
	a := p.Last
	if !a.IsValid() {
		a = prefix.Addr()
	}
	for a = a.Next(); prefix.Contains(a); a = a.Next() {
		if !slices.Contains(reserved, a) {
			return a, prefix.Contains(a.Next()) // the last one is the broadcast address
		}
	}
	return netip.Addr{}, false
}

// release gives an address back. Releasing one twice changes nothing.
func (p pool) release(a netip.Addr) pool {
	if slices.Contains(p.Released, a) {
		return p
	}
	return pool{Last: p.Last, Released: append(slices.Clone(p.Released), a)}
}

// usable counts the addresses that a prefix can give to ports.
func usable(prefix netip.Prefix, reserved int) int {
	return 1<<(32-prefix.Bits()) - 2 - reserved
}
