package local

import (
	"context"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// CreateMachine begins to make and start a machine.
func (d *Driver) CreateMachine(ctx context.Context, spec infra.MachineSpec) (infra.Machine, error) {
	return d.machines.Create(ctx, spec)
}

// Machine gives the machine with an id.
func (d *Driver) Machine(ctx context.Context, id string) (infra.Machine, error) {
	if err := ctx.Err(); err != nil {
		return infra.Machine{}, err
	}
	return d.machines.Machine(id)
}

// MachineByKey gives the machine that was made with a key.
func (d *Driver) MachineByKey(ctx context.Context, key string) (infra.Machine, error) {
	if err := ctx.Err(); err != nil {
		return infra.Machine{}, err
	}
	return d.machines.MachineByKey(key)
}

// Machines lists a cluster's machines, the oldest first; "" lists all.
func (d *Driver) Machines(ctx context.Context, clusterUUID string) ([]infra.Machine, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return d.machines.Machines(clusterUUID), nil
}

// StopMachine begins to end the machine's processes.
func (d *Driver) StopMachine(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.machines.Stop(id)
}

// StartMachine begins to boot a machine that does not run.
func (d *Driver) StartMachine(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.machines.Start(id)
}

// ResizeMachine changes the flavor of a stopped machine.
func (d *Driver) ResizeMachine(ctx context.Context, id string, flavor infra.Flavor) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.machines.Resize(id, flavor)
}

// DeleteMachine begins to end the machine and remove its volume.
func (d *Driver) DeleteMachine(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.machines.Delete(id)
}

// DeletePort gives the address back, unless a machine has the port: also one
// that is only about to be attached to it.
func (d *Driver) DeletePort(ctx context.Context, id string) error {
	if user := d.machines.UsingPort(id); user != "" {
		return hanok.Errorf(hanok.KindConflict, "port %s is in use by machine %s: delete the machine first", id, user)
	}
	return d.Manager.DeletePort(ctx, id)
}
