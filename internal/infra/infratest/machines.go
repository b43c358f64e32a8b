package infratest

import (
	"regexp"
	"slices"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

func machineLifecycle(f *fixture) {
	p := f.port(f.portSpec(f.o.Subnet))
	spec := f.machineSpec(p)
	_, err := f.d.MachineByKey(f.ctx, spec.Key)
	f.wantKind("MachineByKey before create", err, hanok.KindNotFound)

	before := f.capacity()
	m := f.machine(spec)
	if _, err := uuid.Parse(m.ID); err != nil {
		f.Errorf("the machine's id %q is no UUID", m.ID)
	}
	m = f.await(m.ID, infra.MachineActive)
	want := infra.Machine{
		ID: m.ID, Key: spec.Key, Name: spec.Name, ClusterUUID: f.cluster, ProjectID: spec.ProjectID,
		Role: spec.Role, Status: infra.MachineActive, FlavorID: spec.Flavor.ID, ImageID: spec.Image.ID,
		KeypairName: spec.Keypair.Name, Zone: spec.Zone,
	}
	got := m
	got.Addresses, got.CreatedAt, got.UpdatedAt = nil, want.CreatedAt, want.UpdatedAt
	if !sameMachine(got, want) {
		f.Errorf("machine %+v\nwant    %+v", got, want)
	}
	if len(m.Addresses) != 1 || m.Addresses[0] != p.Address {
		f.Errorf("addresses %v, want the port's %s", m.Addresses, p.Address)
	}
	if m.CreatedAt.IsZero() {
		f.Error("the machine has no time of creation")
	}
	byKey, err := f.d.MachineByKey(f.ctx, spec.Key)
	if err != nil || byKey.ID != m.ID {
		f.Errorf("MachineByKey = %s, %v, want %s", byKey.ID, err, m.ID)
	}
	during := f.capacity()
	if used := during.UsedMemoryMB - before.UsedMemoryMB; used != spec.Flavor.MemoryMB {
		f.Errorf("the machine is counted with %d MiB, want %d", used, spec.Flavor.MemoryMB)
	}
	if used := during.UsedDiskGB - before.UsedDiskGB; used != spec.BootVolume.SizeGB {
		f.Errorf("the machine is counted with %d GiB, want %d", used, spec.BootVolume.SizeGB)
	}

	f.ok("DeleteMachine", f.d.DeleteMachine(f.ctx, m.ID))
	f.await(m.ID, infra.MachineDeleted)
	f.ok("DeleteMachine again", f.d.DeleteMachine(f.ctx, m.ID))
	if after := f.capacity(); after != before {
		f.Errorf("capacity after delete %+v, before create %+v", after, before)
	}
}

func sameMachine(a, b infra.Machine) bool {
	return slices.Equal(a.Addresses, b.Addresses) && a.ID == b.ID && a.Key == b.Key && a.Name == b.Name &&
		a.ClusterUUID == b.ClusterUUID && a.ProjectID == b.ProjectID && a.Role == b.Role && a.Status == b.Status &&
		a.Fault == b.Fault && a.FlavorID == b.FlavorID && a.ImageID == b.ImageID &&
		a.KeypairName == b.KeypairName && a.Zone == b.Zone
}

func machineCreateTwice(f *fixture) {
	spec := f.machineSpec(f.port(f.portSpec(f.o.Subnet)))
	first := f.machine(spec)
	if again := f.machine(spec); again.ID != first.ID {
		f.Errorf("the same key gave a second machine: %s and %s", first.ID, again.ID)
	}
	f.await(first.ID, infra.MachineActive)
	changed := spec
	changed.Name = "another-name"
	changed.PortIDs = nil
	if again := f.machine(changed); again.ID != first.ID || again.Name != spec.Name {
		f.Errorf("a second create changed the machine: %+v", again)
	}
	list, err := f.d.Machines(f.ctx, f.cluster)
	f.ok("Machines", err)
	if len(list) != 1 {
		f.Errorf("%d machines exist, want 1", len(list))
	}
}

func machinesOfCluster(f *fixture) {
	a, _ := f.active()
	b, _ := f.active()
	list, err := f.d.Machines(f.ctx, f.cluster)
	f.ok("Machines", err)
	var ids []string
	for _, m := range list {
		ids = append(ids, m.ID)
		if m.ClusterUUID != f.cluster {
			f.Errorf("Machines gave one of cluster %s", m.ClusterUUID)
		}
	}
	for _, m := range []infra.Machine{a, b} {
		if !slices.Contains(ids, m.ID) {
			f.Errorf("Machines lacks %s", m.ID)
		}
	}
	all, err := f.d.Machines(f.ctx, "")
	f.ok("Machines of all", err)
	if len(all) < 2 {
		f.Errorf("Machines of all clusters gives %d, want at least 2", len(all))
	}
	none, err := f.d.Machines(f.ctx, newUUID())
	if err != nil || len(none) != 0 {
		f.Errorf("Machines of an unknown cluster = %v, %v, want none", none, err)
	}
}

func machineStopStart(f *fixture) {
	m, p := f.active()
	f.ok("StartMachine of a running one", f.d.StartMachine(f.ctx, m.ID))
	f.await(m.ID, infra.MachineActive)
	f.ok("StopMachine", f.d.StopMachine(f.ctx, m.ID))
	f.await(m.ID, infra.MachineShutoff)
	f.ok("StopMachine again", f.d.StopMachine(f.ctx, m.ID))
	stopped := f.await(m.ID, infra.MachineShutoff)
	if !slices.Contains(stopped.Addresses, p.Address) {
		f.Errorf("the stopped machine lost its address: %v", stopped.Addresses)
	}
	f.ok("StartMachine", f.d.StartMachine(f.ctx, m.ID))
	if started := f.await(m.ID, infra.MachineActive); started.ID != m.ID {
		f.Errorf("the machine came back as %s, was %s", started.ID, m.ID)
	}
}

func machineResize(f *fixture) {
	if f.o.Resized.ID == "" {
		f.Skip("no second flavor is given")
	}
	m, _ := f.active()
	f.wantKind("ResizeMachine of a running one", f.d.ResizeMachine(f.ctx, m.ID, f.o.Resized), hanok.KindConflict)
	f.ok("StopMachine", f.d.StopMachine(f.ctx, m.ID))
	f.await(m.ID, infra.MachineShutoff)
	before := f.capacity()
	f.ok("ResizeMachine", f.d.ResizeMachine(f.ctx, m.ID, f.o.Resized))
	f.ok("ResizeMachine again", f.d.ResizeMachine(f.ctx, m.ID, f.o.Resized))
	if got := f.await(m.ID, infra.MachineShutoff); got.FlavorID != f.o.Resized.ID {
		f.Errorf("flavor %s after the resize, want %s", got.FlavorID, f.o.Resized.ID)
	}
	grown := f.o.Resized.MemoryMB - f.o.Flavor.MemoryMB
	if used := f.capacity().UsedMemoryMB - before.UsedMemoryMB; used != grown {
		f.Errorf("the resize is counted with %d MiB, want %d", used, grown)
	}
	f.ok("StartMachine", f.d.StartMachine(f.ctx, m.ID))
	f.await(m.ID, infra.MachineActive)
}

func machineDeleteWhileBuilding(f *fixture) {
	p := f.port(f.portSpec(f.o.Subnet))
	m := f.machine(f.machineSpec(p))
	f.ok("DeleteMachine", f.d.DeleteMachine(f.ctx, m.ID))
	f.await(m.ID, infra.MachineDeleted)
	f.ok("DeletePort", f.d.DeletePort(f.ctx, p.ID))
}

// machineExtraVolumes: they count, go with the machine, and may be too many.
func machineExtraVolumes(f *fixture) {
	before := f.capacity()
	spec := f.machineSpec(f.port(f.portSpec(f.o.Subnet)))
	spec.ExtraVolumes = []infra.ExtraVolume{
		{Volume: infra.Volume{Type: spec.BootVolume.Type, SizeGB: 2}, MountPath: "/data"},
		{Volume: infra.Volume{Type: spec.BootVolume.Type, SizeGB: 1}},
	}
	m := f.machine(spec)
	f.await(m.ID, infra.MachineActive)
	if used := f.capacity().UsedDiskGB - before.UsedDiskGB; used != spec.BootVolume.SizeGB+3 {
		f.Errorf("the machine is counted with %d GiB, want %d", used, spec.BootVolume.SizeGB+3)
	}
	f.ok("StopMachine", f.d.StopMachine(f.ctx, m.ID))
	f.await(m.ID, infra.MachineShutoff)
	f.ok("StartMachine", f.d.StartMachine(f.ctx, m.ID))
	f.await(m.ID, infra.MachineActive)
	f.ok("DeleteMachine", f.d.DeleteMachine(f.ctx, m.ID))
	f.await(m.ID, infra.MachineDeleted)
	if after := f.capacity(); after != before {
		f.Errorf("capacity after delete %+v, before create %+v", after, before)
	}
}

// machineDoesNotFit: too much memory or disk is refused with the numbers, and
// nothing of it remains.
func machineDoesNotFit(f *fixture) {
	c := f.capacity()
	for _, ask := range []struct {
		what   string
		change func(*infra.MachineSpec)
	}{
		{"memory", func(s *infra.MachineSpec) { s.Flavor.MemoryMB = c.MemoryMB + 1 }},
		{"disk", func(s *infra.MachineSpec) { s.BootVolume.SizeGB = c.DiskGB + 1 }},
		{"extra disk", func(s *infra.MachineSpec) {
			s.ExtraVolumes = []infra.ExtraVolume{{Volume: infra.Volume{SizeGB: c.DiskGB}, MountPath: "/data"}}
		}},
	} {
		spec := f.machineSpec(f.port(f.portSpec(f.o.Subnet)))
		ask.change(&spec)
		_, err := f.createMachine(spec)
		f.wantKind("CreateMachine with too much "+ask.what, err, hanok.KindUnavailable)
		if err != nil && !regexp.MustCompile(`\d`).MatchString(err.Error()) {
			f.Errorf("the refusal names no number: %v", err)
		}
		_, err = f.d.MachineByKey(f.ctx, spec.Key)
		f.wantKind("MachineByKey after the refusal", err, hanok.KindNotFound)
		if now := f.capacity(); now != c {
			f.Errorf("capacity after the refusal %+v, before %+v", now, c)
		}
	}
}
