package network

import (
	"context"
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// CreateEndpoint reserves an address that answers in the VPC, and from the
// host too when it is public; without members it refuses connections. The key
// makes it safe to repeat.
func (m *Manager) CreateEndpoint(ctx context.Context, spec infra.EndpointSpec) (infra.Endpoint, error) {
	if spec.Key == "" {
		return infra.Endpoint{}, hanok.Invalid("key", "an endpoint needs a key that its caller recorded")
	}
	if spec.Port < 1 || spec.Port > 65535 {
		return infra.Endpoint{}, hanok.Invalid("port", "endpoint port %d: must be between 1 and 65535", spec.Port)
	}
	want, err := subnetOf(spec.Subnet)
	if err != nil {
		return infra.Endpoint{}, err
	}
	if err := ctx.Err(); err != nil {
		return infra.Endpoint{}, err
	}
	defer m.vpcs.lock(want.VPC)()
	var id string
	r, err := m.ledger.update(func(r *records) (bool, error) {
		if found, ok := endpointByKey(*r, spec.Key); ok {
			id = found
			e := r.Endpoints[id]
			revive := e.Deleted
			e.Deleted = false
			r.Endpoints[id] = e
			return revive, sameVPC("endpoint", spec.Key, e.VPC, want.VPC)
		}
		if _, err := recordVPC(r, want.VPC, spec.Subnet.ID, want); err != nil {
			return false, err
		}
		address, err := takeBlockAddress(r, "an endpoint")
		if err != nil {
			return false, err
		}
		id = uuid.NewString()
		r.Endpoints[id] = endpointRecord{
			Key: spec.Key, Cluster: spec.ClusterUUID, Project: spec.ProjectID, VPC: want.VPC, Subnet: spec.Subnet.ID,
			Public: spec.Public, Address: netip.AddrPortFrom(address, uint16(spec.Port)),
		}
		return true, nil
	})
	if err != nil {
		return infra.Endpoint{}, err
	}
	if err := m.applyEndpoint(ctx, r.Endpoints[id]); err != nil {
		return infra.Endpoint{}, err
	}
	return endpointOf(id, r.Endpoints[id]), nil
}

// EndpointByKey finds an endpoint by the caller's key.
func (m *Manager) EndpointByKey(_ context.Context, key string) (infra.Endpoint, error) {
	r := m.ledger.view()
	id, ok := endpointByKey(r, key)
	if !ok {
		return infra.Endpoint{}, hanok.NotFound("endpoint with key", key)
	}
	return endpointOf(id, r.Endpoints[id]), nil
}

// SetEndpointMembers replaces the addresses behind the endpoint. New
// connections go to one of members by lot. Those to a member that stays go on;
// those to one that left are reset, so that clients connect anew at once.
func (m *Manager) SetEndpointMembers(ctx context.Context, id string, members []netip.AddrPort) error {
	for _, a := range members {
		if !a.IsValid() || !a.Addr().Is4() || a.Port() == 0 {
			return hanok.Invalid("members", "endpoint member %s: must be an IPv4 address and a port", a)
		}
	}
	members = slices.Clone(members)
	slices.SortFunc(members, netip.AddrPort.Compare)
	members = slices.Compact(members)

	e, ok := m.ledger.view().Endpoints[id]
	if !ok {
		return hanok.NotFound("endpoint", id)
	}
	defer m.vpcs.lock(e.VPC)()
	newcomers := false
	r, err := m.ledger.update(func(r *records) (bool, error) {
		e, ok := r.Endpoints[id]
		if !ok || e.Deleted {
			return false, hanok.NotFound("endpoint", id)
		}
		changed := !slices.Equal(e.Members, members)
		newcomers = changed && !slices.ContainsFunc(e.Members, func(a netip.AddrPort) bool { return !slices.Contains(members, a) })
		e.Members = members
		r.Endpoints[id] = e
		return changed, nil
	})
	if err != nil {
		return err
	}
	if err := m.applyEndpoint(ctx, r.Endpoints[id]); err != nil || newcomers {
		return err // nobody left: no connection to cut
	}
	return m.cutConnections(r.Endpoints[id])
}

// DeleteEndpoint gives the address back and ends connections through it. A
// missing endpoint is success.
func (m *Manager) DeleteEndpoint(ctx context.Context, id string) error {
	e, ok := m.ledger.view().Endpoints[id]
	if !ok {
		return nil
	}
	defer m.vpcs.lock(e.VPC)()
	r, err := m.ledger.update(func(r *records) (bool, error) {
		e, ok := r.Endpoints[id]
		changed := ok && !e.Deleted
		if ok {
			e.Deleted = true
			r.Endpoints[id] = e
		}
		return changed, nil
	})
	if err != nil {
		return err
	}
	if e, ok = r.Endpoints[id]; !ok {
		return nil
	}
	if err := m.applyEndpoint(ctx, e); err != nil {
		return err
	}
	if err := m.cutConnections(e); err != nil {
		return err
	}
	return m.forget(e.VPC, func(r *records) (bool, error) {
		if _, ok := r.Endpoints[id]; !ok {
			return false, nil
		}
		delete(r.Endpoints, id)
		r.Pool = r.Pool.release(e.Address.Addr())
		return true, nil
	})
}

func endpointByKey(r records, key string) (id string, ok bool) {
	for id, e := range r.Endpoints {
		if e.Key == key {
			return id, true
		}
	}
	return "", false
}

func endpointOf(id string, e endpointRecord) infra.Endpoint {
	return infra.Endpoint{ID: id, Key: e.Key, Address: e.Address}
}
