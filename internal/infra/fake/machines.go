package fake

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

type machine struct {
	infra.Machine
	spec infra.MachineSpec
	// next is the state that the transition under way ends in after so many
	// polls, MachineDeleted for gone; "" when there is none.
	next  infra.MachineStatus
	polls int
}

// CreateMachine begins to build; it is ACTIVE after Options.Polls looks.
func (d *Driver) CreateMachine(ctx context.Context, spec infra.MachineSpec) (infra.Machine, error) {
	return call(ctx, d, "CreateMachine", func() (infra.Machine, error) {
		for _, m := range d.machines {
			if m.Key == spec.Key {
				return m.copy(), nil
			}
		}
		now := d.opts.Now().UTC()
		m := &machine{spec: spec, Machine: infra.Machine{
			ID:          uuid.NewString(),
			Key:         spec.Key,
			Name:        spec.Name,
			ClusterUUID: spec.ClusterUUID,
			ProjectID:   spec.ProjectID,
			Role:        spec.Role,
			FlavorID:    spec.Flavor.ID,
			ImageID:     spec.Image.ID,
			Zone:        spec.Zone,
			Status:      infra.MachineBuild,
			CreatedAt:   now,
			UpdatedAt:   now,
		}}
		if spec.Keypair != nil {
			m.KeypairName = spec.Keypair.Name
		}
		if err := d.fits(spec.Flavor.MemoryMB, diskOf(spec)); err != nil {
			return infra.Machine{}, err
		}
		for _, id := range spec.PortIDs {
			p := d.ports[id]
			switch {
			case p == nil:
				return infra.Machine{}, hanok.NotFound("port", id)
			case p.machine != "":
				return infra.Machine{}, hanok.Errorf(hanok.KindConflict, "port %s is in use by machine %s", id, p.machine)
			}
			m.Addresses = append(m.Addresses, p.Address)
		}
		for _, id := range spec.PortIDs {
			d.ports[id].machine = m.ID
		}
		d.machines[m.ID] = m
		d.order = append(d.order, m.ID)
		d.start(m, infra.MachineActive)
		return m.copy(), nil
	})
}

// diskOf is the size of all volumes together.
func diskOf(spec infra.MachineSpec) int {
	sum := spec.BootVolume.SizeGB
	for _, v := range spec.ExtraVolumes {
		sum += v.SizeGB
	}
	return sum
}

// fits tells by the numbers why memory or disk do not suffice.
func (d *Driver) fits(memoryMB, diskGB int) error {
	c := d.capacity()
	if free := c.MemoryMB - c.UsedMemoryMB; memoryMB > free {
		return hanok.Errorf(hanok.KindUnavailable,
			"the machine needs %d MiB of memory and %d of %d MiB are free", memoryMB, free, c.MemoryMB)
	}
	if free := c.DiskGB - c.UsedDiskGB; diskGB > free {
		return hanok.Errorf(hanok.KindUnavailable,
			"the machine needs %d GiB of disk and %d of %d GiB are free", diskGB, free, c.DiskGB)
	}
	return nil
}

// Machine looks at a machine, which also carries its transition on.
func (d *Driver) Machine(ctx context.Context, id string) (infra.Machine, error) {
	return call(ctx, d, "Machine", func() (infra.Machine, error) {
		if m := d.look(id); m != nil {
			return m.copy(), nil
		}
		return infra.Machine{}, hanok.NotFound("machine", id)
	})
}

// MachineByKey looks at a machine by the caller's key.
func (d *Driver) MachineByKey(ctx context.Context, key string) (infra.Machine, error) {
	return call(ctx, d, "MachineByKey", func() (infra.Machine, error) {
		for id, m := range d.machines {
			if m.Key != key {
				continue
			}
			if m = d.look(id); m != nil {
				return m.copy(), nil
			}
		}
		return infra.Machine{}, hanok.NotFound("machine", key)
	})
}

// Machines lists a cluster's machines ("" all), oldest first.
func (d *Driver) Machines(ctx context.Context, clusterUUID string) ([]infra.Machine, error) {
	return call(ctx, d, "Machines", func() ([]infra.Machine, error) {
		var list []infra.Machine
		for _, id := range slices.Clone(d.order) {
			if m := d.look(id); m != nil && (clusterUUID == "" || m.ClusterUUID == clusterUUID) {
				list = append(list, m.copy())
			}
		}
		return list, nil
	})
}

// StopMachine begins to stop; it is SHUTOFF after Options.Polls looks.
func (d *Driver) StopMachine(ctx context.Context, id string) error {
	return run(ctx, d, "StopMachine", func() error { return d.change(id, infra.MachineShutoff) })
}

// StartMachine begins to boot; it is ACTIVE after Options.Polls looks.
func (d *Driver) StartMachine(ctx context.Context, id string) error {
	return run(ctx, d, "StartMachine", func() error { return d.change(id, infra.MachineActive) })
}

// ResizeMachine changes the flavor of a stopped machine.
func (d *Driver) ResizeMachine(ctx context.Context, id string, flavor infra.Flavor) error {
	return run(ctx, d, "ResizeMachine", func() error {
		m := d.look(id)
		if m == nil {
			return hanok.NotFound("machine", id)
		}
		if m.spec.Flavor.ID == flavor.ID {
			return nil
		}
		if m.Status != infra.MachineShutoff {
			return hanok.Errorf(hanok.KindConflict, "machine %s is %s; stop it before a resize", id, m.Status)
		}
		if err := d.fits(flavor.MemoryMB-m.spec.Flavor.MemoryMB, 0); err != nil {
			return err
		}
		m.spec.Flavor = flavor
		m.FlavorID = flavor.ID
		m.UpdatedAt = d.opts.Now().UTC()
		return nil
	})
}

// DeleteMachine begins to delete; it is gone after Options.Polls looks.
func (d *Driver) DeleteMachine(ctx context.Context, id string) error {
	return run(ctx, d, "DeleteMachine", func() error {
		if m := d.machines[id]; m != nil && m.next != infra.MachineDeleted {
			d.start(m, infra.MachineDeleted)
		}
		return nil
	})
}

// change begins a transition of a machine that is not being deleted.
func (d *Driver) change(id string, to infra.MachineStatus) error {
	m := d.machines[id]
	if m == nil {
		return hanok.NotFound("machine", id)
	}
	switch {
	case m.next == infra.MachineDeleted:
		return hanok.Errorf(hanok.KindConflict, "machine %s is being deleted", id)
	case m.next == to, m.next == "" && m.Status == to:
		return nil
	}
	d.start(m, to)
	return nil
}

func (d *Driver) start(m *machine, to infra.MachineStatus) {
	m.next, m.polls = to, d.opts.Polls
	if m.polls == 0 {
		d.settle(m)
	}
}

// look carries a machine's transition on by one, and gives it unless it is gone.
func (d *Driver) look(id string) *machine {
	m := d.machines[id]
	if m == nil {
		return nil
	}
	if m.next != "" {
		if m.polls--; m.polls <= 0 {
			d.settle(m)
		}
	}
	return d.machines[id]
}

func (d *Driver) settle(m *machine) {
	if m.next == infra.MachineDeleted {
		delete(d.machines, m.ID)
		d.order = slices.DeleteFunc(d.order, func(id string) bool { return id == m.ID })
		for _, id := range m.spec.PortIDs {
			if p := d.ports[id]; p != nil {
				p.machine = ""
			}
		}
		return
	}
	m.Status, m.next, m.Fault = m.next, "", ""
	m.UpdatedAt = d.opts.Now().UTC()
}

func (m *machine) copy() infra.Machine {
	c := m.Machine
	c.Addresses = slices.Clone(m.Addresses)
	return c
}
