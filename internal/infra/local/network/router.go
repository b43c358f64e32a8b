package network

import (
	"context"
	"fmt"
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
