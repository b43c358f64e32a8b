package network

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/hanok/hanok"
)

func TestBlocksLieInTheServiceRange(t *testing.T) {
	t.Parallel()
	for _, inst := range []string{"000000", "00000f", "ffffff", "7e5abc"} {
		seen := map[netip.Prefix]bool{}
		for _, b := range blocks(inst) {
			if b != b.Masked() || !serviceRange.Overlaps(b) || !serviceRange.Contains(b.Addr()) {
				t.Errorf("%s: block %s", inst, b)
			}
			seen[b] = true
		}
		if len(seen) != 16 {
			t.Errorf("%s: %d blocks, want 16", inst, len(seen))
		}
	}
}

func TestOpenTakesTheSameBlockAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.manager.ServiceAddress()
	w.open()
	if w.manager.ServiceAddress() != first {
		t.Errorf("%s, then %s", first, w.manager.ServiceAddress())
	}
	if first != blocks(w.inst)[0].Addr().Next() {
		t.Errorf("%s is not the id's own choice of an empty host", first)
	}
}

func TestBlockOfSomebodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, w.manager.Destroy(t.Context()))
	host := w.handle(w.site.host)
	all := blocks(w.inst)
	taken := func(dst netip.Prefix) netlink.Route {
		return netlink.Route{Dst: ipNet(dst), Gw: net.ParseIP(internetAddress)}
	}
	// A foreign route into the first, a dead installation's claim on the second.
	must(t, ensureRoute(host, taken(netip.PrefixFrom(all[0].Addr(), 28))))
	must(t, w.site.writeClaim(claim{"7e5fff", all[1]}))
	w.open()
	if got := w.manager.ServiceAddress(); got != all[2].Addr().Next() {
		t.Errorf("service address %s, want that of %s", got, all[2])
	}
	must(t, w.manager.Destroy(t.Context()))

	// With nothing else left, the dead installation's.
	for _, b := range all[2:] {
		must(t, ensureRoute(host, taken(b)))
	}
	w.open()
	if got := w.manager.ServiceAddress(); got != all[1].Addr().Next() {
		t.Errorf("service address %s, want that of %s", got, all[1])
	}
	// Its own block, taken by somebody else while it was away: no other will do.
	must(t, w.site.remove(t.Context(), w.inst))
	must(t, ensureRoute(host, taken(all[1])))
	if _, err := Open(t.Context(), w.config()); hanok.KindOf(err) != hanok.KindUnavailable {
		t.Errorf("open: %v, want unavailable", err)
	}
}

func TestNoBlockIsFree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, w.manager.Destroy(t.Context()))
	must(t, ensureRoute(w.handle(w.site.host), netlink.Route{Dst: ipNet(netip.MustParsePrefix("198.18.0.0/15")), Gw: net.ParseIP(internetAddress)}))
	_, err := Open(t.Context(), w.config())
	if hanok.KindOf(err) != hanok.KindUnavailable {
		t.Errorf("open: %v, want unavailable", err)
	}
	if files, _ := os.ReadDir(w.site.claimsDir()); len(files) != 0 {
		t.Errorf("claims left: %v", files)
	}
}

func TestOpenChecksItsConfig(t *testing.T) {
	t.Parallel()
	for _, inst := range []string{"", "7e5ab", "7E5ABC", "7e5abcd", "../../"} {
		if _, err := Open(t.Context(), Config{StateDir: t.TempDir(), InstallationID: inst, AgentPort: 1}); hanok.KindOf(err) != hanok.KindInvalid {
			t.Errorf("id %q: %v, want invalid", inst, err)
		}
	}
	for _, port := range []int{-1, 0, 65536} {
		if _, err := Open(t.Context(), Config{StateDir: t.TempDir(), InstallationID: "7e5abc", AgentPort: port}); hanok.KindOf(err) != hanok.KindInvalid {
			t.Errorf("port %d: %v, want invalid", port, err)
		}
	}
}

func TestNamesFitTheKernel(t *testing.T) {
	t.Parallel()
	n := names{"7e5abc"}
	for _, name := range []string{n.service(), n.link(0), n.link(0xffffff), bridgeName(65535), portLinkName("0123456789ab-cdef"), machineInterface(99)} {
		if len(name) > 15 {
			t.Errorf("interface name %s has %d characters, the kernel takes 15", name, len(name))
		}
	}
	if got := fmt.Sprintf("%06x", n.metric()); got != n.inst {
		t.Errorf("metric %s, want %s", got, n.inst)
	}
}
