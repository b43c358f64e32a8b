package machines

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// Create begins to make and start a machine; see infra.Driver's CreateMachine.
// When it returns, the machine is on record and finds its way by itself.
func (m *Manager) Create(ctx context.Context, spec infra.MachineSpec) (infra.Machine, error) {
	if err := ctx.Err(); err != nil {
		return infra.Machine{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.byKey(spec.Key); e != nil {
		if e.record.Want == wantGone {
			return infra.Machine{}, hanok.Errorf(hanok.KindConflict, "machine %s (%s) is being deleted; try again when it is gone", e.record.Machine.ID, spec.Key)
		}
		return e.record.view(), nil
	}
	r, err := m.newRecord(ctx, spec)
	if err != nil {
		return infra.Machine{}, err
	}
	id := r.Machine.ID
	e := &entry{record: *r}
	err = m.promise(func() error {
		if err := m.fits(r.Flavor, volumeBytes(r.VolumeGB)+extraBytes(r.ExtraVolumes), ""); err != nil {
			return err
		}
		if err := m.makeVolumeDirs(*r); err != nil {
			return err
		}
		if err := r.save(m.stateOf(id), true); err != nil {
			return err
		}
		m.entries[id] = e
		return nil
	})
	if err != nil {
		delete(m.entries, id)
		os.RemoveAll(m.stateOf(id))
		return infra.Machine{}, err
	}
	m.kick(e)
	return e.record.view(), nil
}

// newRecord checks the wish and writes down what is to be.
func (m *Manager) newRecord(ctx context.Context, spec infra.MachineSpec) (*record, error) {
	if err := check(spec); err != nil {
		return nil, err
	}
	var addresses []netip.Addr
	for _, port := range spec.PortIDs {
		if user := m.usingPort(port); user != "" {
			return nil, hanok.Errorf(hanok.KindConflict, "port %s is in use by machine %s", port, user)
		}
		p, err := m.cfg.Network.Port(ctx, port)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, p.Address)
	}
	tree, err := m.cfg.Tree()
	if err != nil {
		return nil, &hanok.Error{Kind: hanok.KindUnavailable, Detail: "no machine can be made on this host yet", Err: err}
	}
	now := time.Now().UTC()
	r := &record{
		Machine: infra.Machine{
			ID: uuid.NewString(), Key: spec.Key, Name: spec.Name, ClusterUUID: spec.ClusterUUID,
			ProjectID: spec.ProjectID, Role: spec.Role, Status: infra.MachineBuild,
			FlavorID: spec.Flavor.ID, ImageID: spec.Image.ID, Zone: spec.Zone,
			Addresses: addresses, CreatedAt: now, UpdatedAt: now,
		},
		Want: wantRunning, Flavor: spec.Flavor, VolumeGB: volumeSize(spec),
		ExtraVolumes: slices.Clone(spec.ExtraVolumes),
		PortIDs:      slices.Clone(spec.PortIDs), UserData: slices.Clone(spec.UserData), Tree: tree,
	}
	if spec.Keypair != nil {
		r.Machine.KeypairName = spec.Keypair.Name
	}
	return r, nil
}

// smallest flavor that a machine can be: below it not even the agent runs.
const smallestMemoryMB = 64

func check(spec infra.MachineSpec) error {
	problem := ""
	switch {
	case spec.Key == "":
		problem = "it has no key"
	case spec.Name == "" || len(spec.Name) > 63:
		problem = fmt.Sprintf("the host name %q must have 1 to 63 characters", spec.Name)
	case spec.Flavor.VCPUs < 1 || spec.Flavor.MemoryMB < smallestMemoryMB:
		problem = fmt.Sprintf("flavor %s has %d vCPUs and %d MiB; at least 1 and %d are needed",
			spec.Flavor.Name, spec.Flavor.VCPUs, spec.Flavor.MemoryMB, smallestMemoryMB)
	case volumeSize(spec) < 1:
		problem = fmt.Sprintf("a boot volume of %d GiB cannot be made", volumeSize(spec))
	case slices.ContainsFunc(spec.ExtraVolumes, func(v infra.ExtraVolume) bool { return v.SizeGB < 1 }):
		problem = "an extra volume of less than 1 GiB cannot be made"
	case slices.ContainsFunc(spec.ExtraVolumes, func(v infra.ExtraVolume) bool { return v.MountPath != "" && !filepath.IsAbs(v.MountPath) }):
		problem = "the path of an extra volume is not absolute"
	default:
		return nil
	}
	return hanok.Errorf(hanok.KindInvalid, "machine %s: %s", spec.Key, problem)
}

// volumeSize is the flavor's fixed disk, or what is asked for where it has none.
func volumeSize(spec infra.MachineSpec) int {
	if spec.BootVolume.SizeGB > 0 {
		return spec.BootVolume.SizeGB
	}
	return spec.Flavor.DiskGB
}
