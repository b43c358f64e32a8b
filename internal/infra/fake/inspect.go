package fake

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// Inventory is everything that exists in the cloud, what is being deleted
// included, and how it was used.
type Inventory struct {
	Machines  []infra.Machine // oldest first
	Ports     []infra.Port
	Endpoints []infra.Endpoint
	Restored  int            // calls of Restore
	Calls     map[string]int // by method, those that went wrong included
}

// Empty tells whether no machine, port or endpoint is left.
func (i Inventory) Empty() bool {
	return len(i.Machines)+len(i.Ports)+len(i.Endpoints) == 0
}

// Inventory looks without being a call of the cloud: no delay, no fault, no
// transition goes on.
func (d *Driver) Inventory() Inventory {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := Inventory{Restored: d.restored, Calls: maps.Clone(d.calls)}
	for _, id := range d.order {
		i.Machines = append(i.Machines, d.machines[id].copy())
	}
	for _, p := range d.ports {
		i.Ports = append(i.Ports, p.Port)
	}
	slices.SortFunc(i.Ports, func(a, b infra.Port) int { return a.Address.Compare(b.Address) })
	for _, e := range d.endpoints {
		i.Endpoints = append(i.Endpoints, e.Endpoint)
	}
	slices.SortFunc(i.Endpoints, func(a, b infra.Endpoint) int { return a.Address.Compare(b.Address) })
	return i
}

// Spec gives what a machine was asked to be.
func (d *Driver) Spec(id string) (infra.MachineSpec, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.machines[id]
	if m == nil {
		return infra.MachineSpec{}, false
	}
	return m.spec, true
}

// Members gives the addresses behind an endpoint.
func (d *Driver) Members(endpointID string) []netip.AddrPort {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.endpoints[endpointID]; e != nil {
		return slices.Clone(e.members)
	}
	return nil
}

// Kill puts a machine into SHUTOFF at once, as when its power is cut.
func (d *Driver) Kill(id string) error {
	return d.force(id, infra.MachineShutoff, "")
}

// Break puts a machine into ERROR at once, with the fault that says why.
func (d *Driver) Break(id, fault string) error {
	return d.force(id, infra.MachineError, fault)
}

// Vanish removes a machine behind the caller's back; its ports stay.
func (d *Driver) Vanish(id string) error {
	return d.force(id, infra.MachineDeleted, "")
}

func (d *Driver) force(id string, to infra.MachineStatus, fault string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.machines[id]
	if m == nil {
		return hanok.NotFound("machine", id)
	}
	m.next = to
	d.settle(m)
	m.Fault = fault
	return nil
}
