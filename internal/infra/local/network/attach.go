package network

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/hanok/hanok"
)

// AttachMachine makes the machine's network namespace with its ports plugged
// in, eth0 first, and gives its path. It stays over restarts of the machine's
// processes and of the service, until DetachMachine. Repeating it repairs what
// is missing. A port of another machine is a hanok.KindConflict error.
func (m *Manager) AttachMachine(ctx context.Context, machineID string, portIDs []string) (string, error) {
	if err := checkID("machine", machineID); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	defer m.nodes.lock(machineID)()
	_, err := m.ledger.update(func(r *records) (bool, error) {
		changed := false
		for i, id := range portIDs {
			p, ok := r.Ports[id]
			if !ok {
				return false, hanok.NotFound("port", id)
			}
			if p.Machine != "" && (p.Machine != machineID || p.Interface != i) {
				return false, hanok.Errorf(hanok.KindConflict, "port %s is in use as %s of machine %s", id, machineInterface(p.Interface), p.Machine)
			}
			changed = changed || p.Machine == ""
			p.Machine, p.Interface = machineID, i
			r.Ports[id] = p
		}
		return changed, nil
	})
	if err != nil {
		return "", err
	}
	return m.machinePath(machineID), m.attach(ctx, machineID, portIDs, false)
}

// attach makes what the records say of a machine. The caller holds its lock.
func (m *Manager) attach(ctx context.Context, machineID string, portIDs []string, all bool) error {
	path := m.machinePath(machineID)
	if _, err := ensureNamespace(path); err != nil {
		return err
	}
	h, err := openHandle(path)
	if err != nil {
		return err
	}
	defer h.Close()
	if err := h.within(func() error { return apply(machineSettings) }); err != nil {
		return fmt.Errorf("machine %s: %w", machineID, err)
	}
	lo, err := h.LinkByName(loName)
	if err != nil {
		return fmt.Errorf("find the loopback interface of machine %s: %w", machineID, err)
	}
	if err := ensureUp(h, lo); err != nil {
		return err
	}
	for _, id := range portIDs {
		if err := m.attachPort(ctx, h, id, all); err != nil {
			return fmt.Errorf("attach machine %s: %w", machineID, err)
		}
	}
	return nil
}

func (m *Manager) attachPort(ctx context.Context, machine *handle, id string, all bool) error {
	vpc := m.ledger.view().Ports[id].VPC
	defer m.vpcs.lock(vpc)()
	if err := m.ensureRouter(ctx, vpc, all); err != nil {
		return err
	}
	r := m.ledger.view()
	router, err := openHandle(m.routerPath(vpc))
	if err != nil {
		return err
	}
	defer router.Close()
	p := r.Ports[id]
	return m.plug(router, machine, id, p, r.Subnets[p.Subnet])
}

// DetachMachine unplugs the machine's ports, which stay reserved, and removes
// its network namespace. Call it when the machine's processes have ended. A
// machine that is not attached is success.
func (m *Manager) DetachMachine(_ context.Context, machineID string) error {
	if err := checkID("machine", machineID); err != nil {
		return err
	}
	defer m.nodes.lock(machineID)()
	ids := portsOf(m.ledger.view(), machineID)
	for _, id := range ids {
		if err := m.detachPort(id); err != nil {
			return fmt.Errorf("detach machine %s: %w", machineID, err)
		}
	}
	if err := removeNamespace(m.machinePath(machineID)); err != nil {
		return err
	}
	_, err := m.ledger.update(func(r *records) (bool, error) {
		for _, id := range ids {
			if p, ok := r.Ports[id]; ok {
				p.Machine, p.Interface = "", 0
				r.Ports[id] = p
			}
		}
		return len(ids) > 0, nil
	})
	return err
}

func (m *Manager) detachPort(id string) error {
	vpc := m.ledger.view().Ports[id].VPC
	defer m.vpcs.lock(vpc)()
	if _, err := os.Stat(m.routerPath(vpc)); err != nil {
		return nil // the router took the port's end with it
	}
	router, err := openHandle(m.routerPath(vpc))
	if err != nil {
		return err
	}
	defer router.Close()
	r := m.ledger.view()
	p := r.Ports[id]
	return m.unplug(router, id, p, r.Subnets[p.Subnet])
}

// portsOf lists a machine's ports in the order of their interfaces.
func portsOf(r records, machineID string) []string {
	var list []string
	for id, p := range r.Ports {
		if p.Machine == machineID {
			list = append(list, id)
		}
	}
	slices.SortFunc(list, func(a, b string) int { return r.Ports[a].Interface - r.Ports[b].Interface })
	return list
}
