package fake

import (
	"context"
	"net"
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

type endpoint struct {
	infra.Endpoint
	spec    infra.EndpointSpec
	members []netip.AddrPort
}

// CreateEndpoint takes an address of the service's range.
func (d *Driver) CreateEndpoint(ctx context.Context, spec infra.EndpointSpec) (infra.Endpoint, error) {
	return call(ctx, d, "CreateEndpoint", func() (infra.Endpoint, error) {
		if e := d.endpointByKey(spec.Key); e != nil {
			return e.Endpoint, nil
		}
		addr, err := d.freeServiceAddress()
		if err != nil {
			return infra.Endpoint{}, err
		}
		d.taken[addr] = true
		e := &endpoint{spec: spec, Endpoint: infra.Endpoint{
			ID:      uuid.NewString(),
			Key:     spec.Key,
			Address: netip.AddrPortFrom(addr, uint16(spec.Port)),
		}}
		d.endpoints[e.ID] = e
		return e.Endpoint, nil
	})
}

// EndpointByKey finds an endpoint by the caller's key.
func (d *Driver) EndpointByKey(ctx context.Context, key string) (infra.Endpoint, error) {
	return call(ctx, d, "EndpointByKey", func() (infra.Endpoint, error) {
		if e := d.endpointByKey(key); e != nil {
			return e.Endpoint, nil
		}
		return infra.Endpoint{}, hanok.NotFound("endpoint", key)
	})
}

// SetEndpointMembers replaces the members.
func (d *Driver) SetEndpointMembers(ctx context.Context, id string, members []netip.AddrPort) error {
	return run(ctx, d, "SetEndpointMembers", func() error {
		e := d.endpoints[id]
		if e == nil {
			return hanok.NotFound("endpoint", id)
		}
		e.members = slices.Clone(members)
		return nil
	})
}

// DeleteEndpoint gives the address back.
func (d *Driver) DeleteEndpoint(ctx context.Context, id string) error {
	return run(ctx, d, "DeleteEndpoint", func() error {
		if e := d.endpoints[id]; e != nil {
			delete(d.taken, e.Address.Addr())
			delete(d.endpoints, id)
		}
		return nil
	})
}

// DialEndpoint connects to the first member. Connecting happens outside the
// lock: a member may be slow to answer.
func (d *Driver) DialEndpoint(ctx context.Context, id string) (net.Conn, error) {
	e, err := call(ctx, d, "DialEndpoint", func() (endpoint, error) {
		e := d.endpoints[id]
		if e == nil {
			return endpoint{}, hanok.NotFound("endpoint", id)
		}
		return endpoint{Endpoint: e.Endpoint, members: slices.Clone(e.members)}, nil
	})
	if err != nil {
		return nil, err
	}
	if len(e.members) == 0 {
		return nil, hanok.Errorf(hanok.KindUnavailable, "endpoint %s has no member", id)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", e.members[0].String())
}

func (d *Driver) endpointByKey(key string) *endpoint {
	for _, e := range d.endpoints {
		if e.Key == key {
			return e
		}
	}
	return nil
}
