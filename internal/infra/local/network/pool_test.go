package network

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestPoolOrder(t *testing.T) {
	t.Parallel()
	prefix, gateway := netip.MustParsePrefix("10.0.0.0/29"), netip.MustParseAddr("10.0.0.3")
	var p pool
	take := func(want string) {
		t.Helper()
		a, next, ok := p.take(prefix, gateway)
		if !ok || a.String() != want {
			t.Fatalf("took %s, %v, want %s", a, ok, want)
		}
		p = next
	}
	give := func(a string) { p = p.release(netip.MustParseAddr(a)) }
	take("10.0.0.1")
	take("10.0.0.2")
	give("10.0.0.1")
	give("10.0.0.1")
	take("10.0.0.4") // not the one just released, not the gateway
	take("10.0.0.5")
	give("10.0.0.5")
	take("10.0.0.6")
	take("10.0.0.1") // the one released longest ago
	take("10.0.0.5")
	if a, _, ok := p.take(prefix, gateway); ok {
		t.Errorf("took %s of a full subnet", a)
	}
	if n := usable(prefix, 1); n != 5 {
		t.Errorf("%d usable addresses, want 5", n)
	}
}

// Whatever happens, no address is given twice, none is reserved, and a pool
// is empty only when all its addresses are in use.
func TestPoolNeverGivesTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		prefix := netip.PrefixFrom(netip.MustParseAddr("10.1.2.0"), rapid.IntRange(26, 30).Draw(t, "bits"))
		gateway := prefix.Addr().Next()
		last := prefix.Addr()
		for a := last; prefix.Contains(a); a = a.Next() {
			last = a
		}
		var p pool
		used := map[netip.Addr]bool{}
		var order []netip.Addr
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if len(order) > 0 && rapid.Bool().Draw(t, "release") {
				i := rapid.IntRange(0, len(order)-1).Draw(t, "which")
				p = p.release(order[i])
				delete(used, order[i])
				order = append(order[:i:i], order[i+1:]...)
				continue
			}
			a, next, ok := p.take(prefix, gateway)
			if !ok {
				if len(used) != usable(prefix, 1) {
					t.Fatalf("empty with %d of %d in use", len(used), usable(prefix, 1))
				}
				continue
			}
			if used[a] || a == gateway || a == prefix.Addr() || a == last || !prefix.Contains(a) {
				t.Fatalf("took %s: used %v", a, used)
			}
			used[a], order, p = true, append(order, a), next
		}
	})
}

func TestPoolForgetsNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	prefix := netip.MustParsePrefix("10.0.0.0/8")
	var p pool
	for range 3 * maxReleased {
		a, next, ok := p.take(prefix)
		if !ok {
			t.Fatal("a /8 is used up")
		}
		p = next.release(a)
	}
	if len(p.Released) > maxReleased {
		t.Errorf("%d released addresses on record, want at most %d", len(p.Released), maxReleased)
	}
}
