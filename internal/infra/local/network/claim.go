package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/hanok/hanok"
)

// blockBits is the size of an installation's block of serviceRange.
const blockBits = 23

// routeProtocol marks routes of ours on the host ("h").
const routeProtocol netlink.RouteProtocol = 0x68

// claim is an installation's note for the others on this host.
type claim struct {
	Installation string       `json:"installation"`
	Block        netip.Prefix `json:"block"`
}

// site is where an installation works: the run directory shared by all
// installations, the directory of namespaces, and the host's own network.
type site struct {
	run        string // /run/hanok
	namespaces string
	host       string // path of the host's network namespace; "" is the process's own
}

var thisHost = site{run: "/run/hanok", namespaces: namespacesDir}

func (s site) namespace(name string) string { return filepath.Join(s.namespaces, name) }

// lock keeps other installations out while one changes what they share: the
// blocks and the host's settings.
func (s site) lock() (unlock func(), err error) {
	for {
		// The last installation may leave at any moment, with the directory:
		// what was there for mkdir is gone for a look at it then.
		if err := os.MkdirAll(s.run, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make the run directory: %w", err)
		}
		f, err := os.OpenFile(s.lockPath(), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("open the lock of local networks: %w", err)
		}
		if err := flock(f); err != nil {
			f.Close()
			return nil, fmt.Errorf("lock local networks: %w", err)
		}
		// Whoever held it may have removed it: see tidy.
		mine, err := f.Stat()
		if there, statErr := os.Stat(s.lockPath()); err == nil && statErr == nil && os.SameFile(mine, there) {
			return func() { f.Close() }, nil
		}
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("lock local networks: %w", err)
		}
	}
}

// tidy removes what installations share in the run directory, the lock too,
// where none is left. The caller holds the lock, and does nothing after it:
// the next one may have a lock of its own.
func (s site) tidy() {
	if err := os.Remove(s.claimsDir()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return // there are claims
	}
	if _, err := os.Stat(s.borrowedPath()); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	_ = os.Remove(s.lockPath())
	_ = os.Remove(s.run) // where nothing else is in it
}

func (s site) lockPath() string  { return filepath.Join(s.run, "network.lock") }
func (s site) claimsDir() string { return filepath.Join(s.run, "blocks") }

// claims reads all claims; the caller holds the lock.
func (s site) claims() ([]claim, error) {
	entries, err := os.ReadDir(s.claimsDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the claimed address blocks: %w", err)
	}
	var list []claim
	for _, e := range entries {
		var c claim
		b, err := os.ReadFile(filepath.Join(s.claimsDir(), e.Name()))
		if err == nil {
			err = json.Unmarshal(b, &c)
		}
		if err != nil || c.Installation != strings.TrimSuffix(e.Name(), ".json") {
			continue // half written by a process that died; the owner writes it again
		}
		list = append(list, c)
	}
	return list, nil
}

func (s site) claimPath(inst string) string { return filepath.Join(s.claimsDir(), inst+".json") }

func (s site) writeClaim(c claim) error {
	if err := os.MkdirAll(s.claimsDir(), 0o755); err != nil {
		return fmt.Errorf("make the directory of claims: %w", err)
	}
	b, err := json.Marshal(c)
	if err == nil {
		err = writeDurably(s.claimPath(c.Installation), b)
	}
	if err != nil {
		return fmt.Errorf("claim addresses %s: %w", c.Block, err)
	}
	return nil
}

// claimBlock gives the installation its block: the recorded one, or a free
// one. The caller holds the lock and makes the service's interface before it
// lets go, so a claim without that interface is a dead installation's; such a
// block is taken when no other is left.
func (s site) claimBlock(h *handle, inst string, recorded netip.Prefix) (netip.Prefix, error) {
	claims, err := s.claims()
	if err != nil {
		return netip.Prefix{}, err
	}
	taken, err := foreignPrefixes(h, names{inst})
	if err != nil {
		return netip.Prefix{}, err
	}
	dead := map[netip.Prefix]string{}
	for _, c := range claims {
		switch {
		case c.Installation == inst:
		case hasLink(h, names{c.Installation}.service()):
			taken = append(taken, c.Block)
		default:
			dead[c.Block] = c.Installation
		}
	}
	free := func(b netip.Prefix) bool { return !slices.ContainsFunc(taken, b.Overlaps) }

	if recorded.IsValid() {
		if !free(recorded) {
			return netip.Prefix{}, hanok.Errorf(hanok.KindUnavailable, "addresses %s of installation %s are in use on this host by something else; its clusters need them: free them (`ip route show table all`, `ip addr`) and start again", recorded, inst)
		}
		return recorded, s.writeClaim(claim{inst, recorded})
	}
	for _, reuse := range []bool{false, true} {
		for _, b := range blocks(inst) {
			owner, claimed := dead[b]
			if !free(b) || claimed != reuse {
				continue
			}
			if claimed {
				if err := os.Remove(s.claimPath(owner)); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return netip.Prefix{}, fmt.Errorf("drop the claim of installation %s, of which nothing is left: %w", owner, err)
				}
			}
			return b, s.writeClaim(claim{inst, b})
		}
	}
	return netip.Prefix{}, hanok.Errorf(hanok.KindUnavailable, "no /%d of %s is free on this host: all %d are claimed by other installations or overlap its routes; remove an installation with `hanok sweep`", blockBits, serviceRange, len(blocks(inst)))
}

// blocks lists the candidates, beginning at one that the id chooses: after a
// reboot, when claims are gone, a new installation seldom takes another's.
func blocks(inst string) []netip.Prefix {
	n := 1 << (blockBits - serviceRange.Bits())
	start := names{inst}.metric() % n
	base := serviceRange.Addr().As4()
	list := make([]netip.Prefix, n)
	for i := range list {
		a := base
		a[2] += byte((start + i) % n * 2)
		list[i] = netip.PrefixFrom(netip.AddrFrom4(a), blockBits)
	}
	return list
}

// foreignPrefixes lists the host's addresses and routes inside, or a little
// around, serviceRange that are not the installation's.
func foreignPrefixes(h *handle, n names) ([]netip.Prefix, error) {
	links, err := h.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list the host's interfaces: %w", err)
	}
	ours := map[int]bool{}
	for _, l := range links {
		if m := interfaceRE.FindStringSubmatch(l.Attrs().Name); m != nil && m[1] == n.inst {
			ours[l.Attrs().Index] = true
		}
	}
	routes, err := h.RouteListFiltered(unix.AF_INET, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("list the host's routes: %w", err)
	}
	var list []netip.Prefix
	for _, r := range routes {
		if r.Dst == nil || ours[r.LinkIndex] || (r.Protocol == routeProtocol && r.Priority == n.metric()) {
			continue
		}
		a, ok := netip.AddrFromSlice(r.Dst.IP.To4())
		ones, _ := r.Dst.Mask.Size()
		p := netip.PrefixFrom(a, ones)
		// Wider routes are ways to everywhere, not a use of these addresses.
		if ok && ones >= 15 && p.Overlaps(serviceRange) {
			list = append(list, p)
		}
	}
	return list, nil
}

func hasLink(h *handle, name string) bool {
	_, err := h.LinkByName(name)
	return err == nil
}
