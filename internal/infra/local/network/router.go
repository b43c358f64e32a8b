package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/hanok/hanok"
)

func (m *Manager) routerPath(vpc string) string { return m.site.namespace(m.names.router(vpc)) }

func (m *Manager) machinePath(id string) string { return m.site.namespace(m.names.machine(id)) }

// ensureRouter makes what the records say of a VPC's router: namespace, link
// to the host, bridges, endpoints' addresses, rules. The caller holds the
// VPC's lock. A router that this process has made or checked before is left
// alone but for its rules, unless all asks for another look.
func (m *Manager) ensureRouter(ctx context.Context, vpc string, all bool) error {
	r := m.ledger.view()
	record, ok := r.VPCs[vpc]
	if !ok {
		return fmt.Errorf("VPC %s has no router on record", vpc)
	}
	path := m.routerPath(vpc)
	created, err := ensureNamespace(path)
	if err != nil {
		return err
	}
	rules := routerRules(vpc, r, m.service, m.cfg.AgentPort)
	made, known := m.madeRouter(vpc)
	want := madeRouter{rules: rules, bridges: fmt.Sprint(bridgeNumbers(subnetsInUse(r, vpc)))}
	if known && !created && !all && made == want {
		return nil
	}
	h, err := openHandle(path)
	if err != nil {
		return err
	}
	defer h.Close()
	if created || !known || all {
		if err := m.wireRouter(h, record); err != nil {
			return fmt.Errorf("router of VPC %s: %w", vpc, err)
		}
		made = madeRouter{}
	}
	if err := m.ensureBridges(h, subnetsInUse(r, vpc)); err != nil {
		return fmt.Errorf("router of VPC %s: %w", vpc, err)
	}
	if err := m.ensureEndpointAddresses(h, r, vpc); err != nil {
		return err
	}
	if rules != made.rules {
		if err := loadRules(ctx, path, m.names.table(), rules); err != nil {
			return fmt.Errorf("load the packet rules of VPC %s: %w", vpc, err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.made[vpc] = want
	return nil
}

// madeRouter is what this process knows a router to have.
type madeRouter struct{ rules, bridges string }

func (m *Manager) madeRouter(vpc string) (made madeRouter, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	made, known = m.made[vpc]
	return made, known
}

// wireRouter sets the router's kernel up and links it to the host.
func (m *Manager) wireRouter(h *handle, record vpcRecord) error {
	if err := h.within(func() error { return apply(routerSettings) }); err != nil {
		return err
	}
	if lo, err := h.LinkByName(loName); err != nil {
		return fmt.Errorf("find the loopback interface: %w", err)
	} else if err := ensureUp(h, lo); err != nil {
		return err
	}
	host, err := openHandle(m.site.host)
	if err != nil {
		return err
	}
	defer host.Close()
	if err := m.ensureUplink(host, h, record.Index); err != nil {
		return err
	}
	return m.routeUplink(host, h, record)
}

// ensureUplink makes the veth pair between host and router.
func (m *Manager) ensureUplink(host, router *handle, index int) error {
	name := m.names.link(index)
	outer, inner := m.names.linkMAC(hostSide, index), m.names.linkMAC(routerSide, index)
	up, err := router.LinkByName(uplinkName)
	if err == nil && up.Attrs().HardwareAddr.String() == inner.String() && hasLink(host, name) {
		return nil
	}
	// One end without the other is another router's, or a removed one's.
	if err := errors.Join(removeLink(router, uplinkName), removeLink(host, name)); err != nil {
		return err
	}
	err = host.LinkAdd(&netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: name, HardwareAddr: outer, MTU: m.mtu, TxQLen: -1},
		PeerName:      uplinkName,
		PeerNamespace: netlink.NsFd(router.ns), PeerHardwareAddr: inner, PeerTxQLen: -1,
	})
	if err != nil {
		return fmt.Errorf("make link %s to the router: %w", name, err)
	}
	return nil
}

// routeUplink sets both ends up and tells each side of the other.
func (m *Manager) routeUplink(host, router *handle, record vpcRecord) error {
	name := m.names.link(record.Index)
	outer, err := host.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}
	inner, err := router.LinkByName(uplinkName)
	if err != nil {
		return fmt.Errorf("find the router's end of link %s: %w", name, err)
	}
	// Before it is up: a link-local address would open the host's IPv6 ports.
	settings := []setting{{path: "ipv6/conf/" + name + "/disable_ipv6", value: "1", optional: true}}
	if m.dnsOnLoopback() {
		settings = append(settings, setting{path: "ipv4/conf/" + name + "/route_localnet", value: "1"})
	}
	if err := inNamespace(m.site.host, func() error { return apply(settings) }); err != nil {
		return err
	}
	return errors.Join(
		ensureUp(host, outer),
		ensureUp(router, inner),
		ensureAddress(router, inner, netip.PrefixFrom(record.Router, 32)),
		ensureNeighbour(host, outer, record.Router, m.names.linkMAC(routerSide, record.Index)),
		ensureNeighbour(router, inner, m.service, m.names.linkMAC(hostSide, record.Index)),
		ensureRoute(host, netlink.Route{
			Dst: host32(record.Router), LinkIndex: outer.Attrs().Index, Scope: netlink.SCOPE_LINK,
			Src: m.service.AsSlice(), Protocol: routeProtocol,
		}),
		ensureRoute(router, netlink.Route{
			Dst: ipNet(netip.PrefixFrom(netip.IPv4Unspecified(), 0)), Gw: m.service.AsSlice(),
			LinkIndex: inner.Attrs().Index, Flags: int(netlink.FLAG_ONLINK),
		}),
		settle(host, name),
		settle(router, uplinkName),
	)
}

func (m *Manager) dnsOnLoopback() bool {
	m.host.Lock()
	defer m.host.Unlock()
	return m.nameserver.IsLoopback()
}

// forget drops a port or an endpoint from the records, and with the VPC's
// last one its router: first the router itself, so that a repeated call finds
// the record and finishes. The caller holds the VPC's lock.
func (m *Manager) forget(vpc string, drop func(*records) (changed bool, err error)) error {
	trial := m.ledger.view().clone()
	if changed, err := drop(&trial); err != nil || !changed {
		return err
	}
	if record, ok := trial.VPCs[vpc]; ok && !trial.vpcUsed(vpc) {
		if err := m.removeRouter(vpc, record); err != nil {
			return err
		}
	}
	_, err := m.ledger.update(func(r *records) (bool, error) {
		if changed, err := drop(r); err != nil || !changed {
			return false, err
		}
		if record, ok := r.VPCs[vpc]; ok && !r.vpcUsed(vpc) {
			delete(r.VPCs, vpc)
			r.Pool = r.Pool.release(record.Router)
		}
		return true, nil
	})
	return err
}

// removeRouter ends a VPC's router. Its bridges and addresses end with the
// namespace; the link to the host is removed by name, at once.
func (m *Manager) removeRouter(vpc string, record vpcRecord) error {
	host, err := openHandle(m.site.host)
	if err != nil {
		return err
	}
	defer host.Close()
	m.mu.Lock()
	delete(m.made, vpc)
	m.mu.Unlock()
	if err := removeLink(host, m.names.link(record.Index)); err != nil {
		return err
	}
	return removeNamespace(m.routerPath(vpc))
}

// recordVPC puts the VPC's router on record, and the subnet as it is now.
func recordVPC(r *records, vpc, subnetID string, want subnetRecord) (subnetRecord, error) {
	if _, ok := r.VPCs[vpc]; !ok {
		address, err := takeBlockAddress(r, "a router")
		if err != nil {
			return subnetRecord{}, err
		}
		used := map[int]bool{}
		for _, v := range r.VPCs {
			used[v.Index] = true
		}
		r.VPCs[vpc] = vpcRecord{Index: unused(used), Router: address}
	}
	for id, other := range r.Subnets {
		if id == subnetID || other.VPC != vpc || !other.CIDR.Overlaps(want.CIDR) {
			continue
		}
		if r.subnetUsed(id) {
			return subnetRecord{}, hanok.Errorf(hanok.KindConflict, "subnet %s (%s) overlaps subnet %s (%s) of the same network %s, which has ports", subnetID, want.CIDR, id, other.CIDR, vpc)
		}
		delete(r.Subnets, id) // one that was deleted since
	}
	have, ok := r.Subnets[subnetID]
	switch {
	case !ok:
		used := map[int]bool{}
		for _, s := range r.Subnets {
			used[s.Bridge] = used[s.Bridge] || s.VPC == vpc
		}
		want.Bridge = unused(used)
	case have.VPC == want.VPC && have.CIDR == want.CIDR && have.Gateway == want.Gateway:
		want.Bridge, want.Pool = have.Bridge, have.Pool
	case r.subnetUsed(subnetID):
		return subnetRecord{}, hanok.Errorf(hanok.KindConflict, "subnet %s has ports and was %s with gateway %s: it cannot become %s with gateway %s", subnetID, have.CIDR, have.Gateway, want.CIDR, want.Gateway)
	default:
		want.Bridge = have.Bridge
	}
	r.Subnets[subnetID] = want
	return want, nil
}

// unused gives the smallest number that is not used.
func unused(used map[int]bool) int {
	for i := 0; ; i++ {
		if !used[i] {
			return i
		}
	}
}

// takeBlockAddress takes an address of the installation's block.
func takeBlockAddress(r *records, what string) (netip.Addr, error) {
	service := r.Block.Addr().Next()
	a, next, ok := r.Pool.take(r.Block, service)
	if !ok {
		return netip.Addr{}, hanok.Errorf(hanok.KindUnavailable, "no address of %s is left for %s: all %d are used by routers, control planes and endpoints; delete clusters", r.Block, what, usable(r.Block, 1))
	}
	r.Pool = next
	return a, nil
}
