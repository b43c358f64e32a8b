package infratest

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// retrying repeats a call that gave an internal error, with the same key: the
// contract makes that safe.
type retrying struct {
	infra.Driver
	attempts int
}

func repeat[T any](r *retrying, call func() (T, error)) (v T, err error) {
	for range r.attempts {
		v, err = call()
		if err == nil || hanok.KindOf(err) != hanok.KindInternal || errors.Is(err, context.Canceled) {
			break
		}
	}
	return v, err
}

func repeatErr(r *retrying, call func() error) error {
	_, err := repeat(r, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

func (r *retrying) CreatePort(ctx context.Context, s infra.PortSpec) (infra.Port, error) {
	return repeat(r, func() (infra.Port, error) { return r.Driver.CreatePort(ctx, s) })
}

func (r *retrying) PortByKey(ctx context.Context, key string) (infra.Port, error) {
	return repeat(r, func() (infra.Port, error) { return r.Driver.PortByKey(ctx, key) })
}

func (r *retrying) DeletePort(ctx context.Context, id string) error {
	return repeatErr(r, func() error { return r.Driver.DeletePort(ctx, id) })
}

func (r *retrying) CreateMachine(ctx context.Context, s infra.MachineSpec) (infra.Machine, error) {
	return repeat(r, func() (infra.Machine, error) { return r.Driver.CreateMachine(ctx, s) })
}

func (r *retrying) Machine(ctx context.Context, id string) (infra.Machine, error) {
	return repeat(r, func() (infra.Machine, error) { return r.Driver.Machine(ctx, id) })
}

func (r *retrying) MachineByKey(ctx context.Context, key string) (infra.Machine, error) {
	return repeat(r, func() (infra.Machine, error) { return r.Driver.MachineByKey(ctx, key) })
}

func (r *retrying) Machines(ctx context.Context, cluster string) ([]infra.Machine, error) {
	return repeat(r, func() ([]infra.Machine, error) { return r.Driver.Machines(ctx, cluster) })
}

func (r *retrying) StopMachine(ctx context.Context, id string) error {
	return repeatErr(r, func() error { return r.Driver.StopMachine(ctx, id) })
}

func (r *retrying) StartMachine(ctx context.Context, id string) error {
	return repeatErr(r, func() error { return r.Driver.StartMachine(ctx, id) })
}

func (r *retrying) ResizeMachine(ctx context.Context, id string, f infra.Flavor) error {
	return repeatErr(r, func() error { return r.Driver.ResizeMachine(ctx, id, f) })
}

func (r *retrying) DeleteMachine(ctx context.Context, id string) error {
	return repeatErr(r, func() error { return r.Driver.DeleteMachine(ctx, id) })
}

func (r *retrying) CreateEndpoint(ctx context.Context, s infra.EndpointSpec) (infra.Endpoint, error) {
	return repeat(r, func() (infra.Endpoint, error) { return r.Driver.CreateEndpoint(ctx, s) })
}

func (r *retrying) EndpointByKey(ctx context.Context, key string) (infra.Endpoint, error) {
	return repeat(r, func() (infra.Endpoint, error) { return r.Driver.EndpointByKey(ctx, key) })
}

func (r *retrying) SetEndpointMembers(ctx context.Context, id string, members []netip.AddrPort) error {
	return repeatErr(r, func() error { return r.Driver.SetEndpointMembers(ctx, id, members) })
}

func (r *retrying) DeleteEndpoint(ctx context.Context, id string) error {
	return repeatErr(r, func() error { return r.Driver.DeleteEndpoint(ctx, id) })
}

func (r *retrying) DialEndpoint(ctx context.Context, id string) (net.Conn, error) {
	return repeat(r, func() (net.Conn, error) { return r.Driver.DialEndpoint(ctx, id) })
}

func (r *retrying) Restore(ctx context.Context) error {
	return repeatErr(r, func() error { return r.Driver.Restore(ctx) })
}

func (r *retrying) Capacity(ctx context.Context) (infra.Capacity, error) {
	return repeat(r, func() (infra.Capacity, error) { return r.Driver.Capacity(ctx) })
}
