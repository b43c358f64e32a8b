package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const maxMTU = 1500

// openHost claims the block and makes the host's side: the service's address,
// the unreachable route that keeps the block's other addresses from leaking
// out, forwarding, and the table.
func (m *Manager) openHost(ctx context.Context) error {
	unlock, err := m.site.lock()
	if err != nil {
		return err
	}
	defer unlock()
	h, err := openHandle(m.site.host)
	if err != nil {
		return err
	}
	defer h.Close()

	block, err := m.site.claimBlock(h, m.names.inst, m.ledger.view().Block)
	if err != nil {
		return err
	}
	if _, err := m.ledger.update(func(r *records) (bool, error) {
		changed := r.Block != block
		r.Block = block
		return changed, nil
	}); err != nil {
		return err
	}
	m.service = block.Addr().Next()
	m.mtu = hostMTU(h)

	if err := ensureService(h, m.names, m.service, block); err != nil {
		return err
	}
	if err := m.site.borrowHost(m.names.inst); err != nil {
		return err
	}
	return m.Refresh(ctx)
}

// ensureService makes the interface with the service's address, and the
// route under which every address of the block without a better one ends.
func ensureService(h *handle, n names, service netip.Addr, block netip.Prefix) error {
	// A bridge without ports: not every kernel has dummy interfaces.
	link, err := ensureLink(h, &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{
		Name: n.service(), HardwareAddr: n.linkMAC(hostSide, 0xffff), Flags: net.FlagUp,
	}})
	if err != nil {
		return err
	}
	if err := ensureAddress(h, link, netip.PrefixFrom(service, 32)); err != nil {
		return err
	}
	return ensureRoute(h, netlink.Route{
		Dst: ipNet(block), Type: unix.RTN_UNREACHABLE, Protocol: routeProtocol, Priority: n.metric(),
	})
}

// Refresh follows what changes on a running host: its nameservers, when it
// moves to another network, and firewalls that start later than the service.
// Call it now and then; it is cheap when nothing changed.
func (m *Manager) Refresh(ctx context.Context) error {
	server, err := hostNameserver(m.cfg.ResolvConf, upstreamResolvConf)
	if err != nil {
		return err
	}
	m.host.Lock()
	changed := m.hostLoaded == "" || server != m.nameserver
	m.nameserver = server
	m.host.Unlock()
	if changed && !server.IsValid() {
		m.log.Warn("the host has no IPv4 nameserver: machines have no DNS until it has one", "file", m.cfg.ResolvConf)
	}
	if changed && server.IsLoopback() {
		for _, v := range m.ledger.view().VPCs {
			if err := m.openLoopback(m.names.link(v.Index)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err // a link that is not there yet gets it when it is made
			}
		}
	}
	return errors.Join(m.loadHostRules(ctx), m.passFirewalls(ctx))
}

// openLoopback lets packets of a router's link reach the host's loopback
// addresses after translation; the table's input chain refuses all others.
func (m *Manager) openLoopback(link string) error {
	return inNamespace(m.site.host, func() error {
		return apply([]setting{{path: "ipv4/conf/" + link + "/route_localnet", value: "1"}})
	})
}

// loadHostRules brings the host's table in line with the records.
func (m *Manager) loadHostRules(ctx context.Context) error {
	m.host.Lock()
	defer m.host.Unlock()
	rules := hostRules(m.names, m.ledger.view(), m.service, m.nameserver, m.cfg.AgentPort)
	if rules == m.hostLoaded {
		return nil
	}
	if err := loadRules(ctx, m.site.host, m.names.table(), rules); err != nil {
		return fmt.Errorf("load the host's packet rules: %w", err)
	}
	m.hostLoaded = rules
	return nil
}

// hostMTU is that of the host's way out, so that machines need not find out
// packet by packet.
func hostMTU(h *handle) int {
	routes, err := h.RouteList(nil, unix.AF_INET)
	if err != nil {
		return maxMTU
	}
	for _, r := range routes {
		if r.Dst != nil && !r.Dst.IP.IsUnspecified() {
			continue
		}
		if l, err := h.LinkByIndex(r.LinkIndex); err == nil && l.Attrs().MTU >= 1280 {
			return min(l.Attrs().MTU, maxMTU)
		}
	}
	return maxMTU
}
