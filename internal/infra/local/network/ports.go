package network

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// CreatePort reserves an address on the subnet, or of the installation's block
// for a control-plane port, and readies the subnet. The key makes it safe to
// repeat. When addresses are used up it gives a hanok.KindUnavailable error.
func (m *Manager) CreatePort(ctx context.Context, spec infra.PortSpec) (infra.Port, error) {
	if spec.Key == "" {
		return infra.Port{}, hanok.Invalid("key", "a port needs a key that its caller recorded")
	}
	want, err := subnetOf(spec.Subnet)
	if err != nil {
		return infra.Port{}, err
	}
	if err := ctx.Err(); err != nil {
		return infra.Port{}, err
	}
	defer m.vpcs.lock(want.VPC)()
	var id string
	r, err := m.ledger.update(func(r *records) (bool, error) {
		if found, ok := portByKey(*r, spec.Key); ok {
			id = found
			return false, sameVPC("port", spec.Key, r.Ports[id].VPC, want.VPC)
		}
		subnet, err := recordVPC(r, want.VPC, spec.Subnet.ID, want)
		if err != nil {
			return false, err
		}
		port := portRecord{
			Key: spec.Key, Cluster: spec.ClusterUUID, Project: spec.ProjectID,
			VPC: want.VPC, Subnet: spec.Subnet.ID, MAC: newMAC(*r), ControlPlane: spec.ControlPlane,
		}
		if port.Address, err = takePortAddress(r, port, subnet); err != nil {
			return false, err
		}
		id = uuid.NewString()
		r.Ports[id] = port
		return true, nil
	})
	if err != nil {
		return infra.Port{}, err
	}
	if err := m.ensureRouter(ctx, want.VPC, false); err != nil {
		return infra.Port{}, err
	}
	return portOf(id, r.Ports[id]), nil
}

// PortByKey finds a port by the caller's key.
func (m *Manager) PortByKey(_ context.Context, key string) (infra.Port, error) {
	r := m.ledger.view()
	id, ok := portByKey(r, key)
	if !ok {
		return infra.Port{}, hanok.NotFound("port with key", key)
	}
	return portOf(id, r.Ports[id]), nil
}

// DeletePort gives the address back; the last port or endpoint of a VPC takes
// its router with it. A port that a machine has is a hanok.KindConflict error,
// a missing one success.
func (m *Manager) DeletePort(_ context.Context, id string) error {
	port, ok := m.ledger.view().Ports[id]
	if !ok {
		return nil
	}
	defer m.vpcs.lock(port.VPC)()
	return m.forget(port.VPC, func(r *records) (bool, error) {
		port, ok := r.Ports[id]
		if !ok {
			return false, nil
		}
		if port.Machine != "" {
			return false, hanok.Errorf(hanok.KindConflict, "port %s is in use by machine %s: delete the machine first", id, port.Machine)
		}
		delete(r.Ports, id)
		if port.ControlPlane {
			r.Pool = r.Pool.release(port.Address)
		} else {
			s := r.Subnets[port.Subnet]
			s.Pool = s.Pool.release(port.Address)
			r.Subnets[port.Subnet] = s
		}
		return true, nil
	})
}

func portByKey(r records, key string) (id string, ok bool) {
	for id, p := range r.Ports {
		if p.Key == key {
			return id, true
		}
	}
	return "", false
}

func portOf(id string, p portRecord) infra.Port {
	return infra.Port{ID: id, Key: p.Key, Address: p.Address, MAC: p.MAC}
}

// subnetOf checks a subnet for what a router needs of it.
func subnetOf(s infra.Subnet) (subnetRecord, error) {
	if err := checkID("network", s.NetworkID); err != nil {
		return subnetRecord{}, err
	}
	if s.ID == "" {
		return subnetRecord{}, hanok.Invalid("subnet", "a subnet without an id cannot be used")
	}
	cidr := s.CIDR.Masked()
	if !cidr.IsValid() || !cidr.Addr().Is4() || cidr.Bits() > 30 {
		return subnetRecord{}, hanok.Invalid("subnet", "subnet %s has range %s: it must be IPv4 of at most /30", s.ID, s.CIDR)
	}
	if cidr.Overlaps(serviceRange) {
		return subnetRecord{}, hanok.Invalid("subnet", "subnet %s has range %s, which overlaps %s, the service's own", s.ID, cidr, serviceRange)
	}
	gateway := s.Gateway
	if !gateway.IsValid() {
		gateway = cidr.Addr().Next()
	}
	if !cidr.Contains(gateway) || gateway == cidr.Addr() {
		return subnetRecord{}, hanok.Invalid("subnet", "subnet %s has gateway %s outside its range %s", s.ID, gateway, cidr)
	}
	return subnetRecord{VPC: s.NetworkID, CIDR: cidr, Gateway: gateway, InternetGateway: s.InternetGateway}, nil
}

// takePortAddress takes the port's address from its pool.
func takePortAddress(r *records, p portRecord, subnet subnetRecord) (netip.Addr, error) {
	if p.ControlPlane {
		return takeBlockAddress(r, "a control-plane member")
	}
	a, next, ok := subnet.Pool.take(subnet.CIDR, subnet.Gateway)
	if !ok {
		return netip.Addr{}, hanok.Errorf(hanok.KindUnavailable, "addresses used up in subnet %s (%s): all %d are in use; delete nodes or use a larger subnet", p.Subnet, subnet.CIDR, usable(subnet.CIDR, 1))
	}
	subnet.Pool = next
	r.Subnets[p.Subnet] = subnet
	return a, nil
}

// newMAC makes a hardware address with OpenStack's prefix that no port has.
func newMAC(r records) string {
	used := make(map[string]bool, len(r.Ports))
	for _, p := range r.Ports {
		used[p.MAC] = true
	}
	for {
		mac := net.HardwareAddr{0xfa, 0x16, 0x3e, 0, 0, 0}
		rand.Read(mac[3:]) // never fails
		if s := mac.String(); !used[s] {
			return s
		}
	}
}

// sameVPC refuses a repeated create that asks for another VPC.
func sameVPC(what, key, have, want string) error {
	if have == want {
		return nil
	}
	return hanok.Errorf(hanok.KindConflict, "%s with key %s is in network %s, not %s: use a new key", what, key, have, want)
}
