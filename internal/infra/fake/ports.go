package fake

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// serviceRange is what control-plane members and endpoints get addresses of.
var serviceRange = netip.MustParsePrefix("198.18.0.0/23")

type port struct {
	infra.Port
	spec    infra.PortSpec
	machine string // id of the machine that uses it, or ""
}

// CreatePort takes the lowest free address of the subnet, or of the service's
// range for a control-plane member.
func (d *Driver) CreatePort(ctx context.Context, spec infra.PortSpec) (infra.Port, error) {
	return call(ctx, d, "CreatePort", func() (infra.Port, error) {
		if p := d.portByKey(spec.Key); p != nil {
			return p.Port, nil
		}
		addr, err := d.freeAddress(spec)
		if err != nil {
			return infra.Port{}, err
		}
		if spec.ControlPlane {
			d.taken[addr] = true
		}
		p := &port{spec: spec, Port: infra.Port{
			ID:      uuid.NewString(),
			Key:     spec.Key,
			Address: addr,
		}}
		b := addr.As4()
		p.MAC = fmt.Sprintf("fa:16:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3])
		d.ports[p.ID] = p
		return p.Port, nil
	})
}

// PortByKey finds a port by the caller's key.
func (d *Driver) PortByKey(ctx context.Context, key string) (infra.Port, error) {
	return call(ctx, d, "PortByKey", func() (infra.Port, error) {
		if p := d.portByKey(key); p != nil {
			return p.Port, nil
		}
		return infra.Port{}, hanok.NotFound("port", key)
	})
}

// DeletePort gives the address back, once no machine uses the port.
func (d *Driver) DeletePort(ctx context.Context, id string) error {
	return run(ctx, d, "DeletePort", func() error {
		p := d.ports[id]
		if p == nil {
			return nil
		}
		if m := d.look(p.machine); m != nil {
			return hanok.Errorf(hanok.KindConflict, "port %s is in use by machine %s; delete the machine first", id, m.ID)
		}
		if p.spec.ControlPlane {
			delete(d.taken, p.Address)
		}
		delete(d.ports, id)
		return nil
	})
}

func (d *Driver) portByKey(key string) *port {
	for _, p := range d.ports {
		if p.Key == key {
			return p
		}
	}
	return nil
}

func (d *Driver) freeAddress(spec infra.PortSpec) (netip.Addr, error) {
	if spec.ControlPlane {
		return d.freeServiceAddress()
	}
	taken := map[netip.Addr]bool{spec.Subnet.Gateway: true}
	for _, p := range d.ports {
		if p.spec.Subnet.ID == spec.Subnet.ID && !p.spec.ControlPlane {
			taken[p.Address] = true
		}
	}
	if a, ok := lowestFree(spec.Subnet.CIDR, taken); ok {
		return a, nil
	}
	return netip.Addr{}, hanok.Errorf(hanok.KindUnavailable,
		"subnet %s (%s) has no free address: all %d are in use", spec.Subnet.Name, spec.Subnet.CIDR, len(taken))
}

func (d *Driver) freeServiceAddress() (netip.Addr, error) {
	taken := map[netip.Addr]bool{d.opts.AgentAddress.Addr(): true}
	for a := range d.taken {
		taken[a] = true
	}
	if a, ok := lowestFree(serviceRange, taken); ok {
		return a, nil
	}
	return netip.Addr{}, hanok.Errorf(hanok.KindUnavailable,
		"the service's range %s has no free address: all %d are in use", serviceRange, len(taken))
}

// lowestFree skips the network's own and the broadcast address.
func lowestFree(cidr netip.Prefix, taken map[netip.Addr]bool) (netip.Addr, bool) {
	for a := cidr.Masked().Addr().Next(); cidr.Contains(a.Next()); a = a.Next() {
		if !taken[a] {
			return a, true
		}
	}
	return netip.Addr{}, false
}
