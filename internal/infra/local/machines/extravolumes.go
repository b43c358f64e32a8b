package machines

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/local/machines/disk"
)

// Extra volumes lie beside the boot volume, each in a directory of its own:
// the file has the name that Sweep knows the installation's volumes by.
//
// One with a path is mounted by the host and bound into the machine; one
// without is a blank block device in the machine's /dev, named by its place:
// vdb, vdc, vdd.

func (m *Manager) extraVolumeOf(id string, i int) string {
	return filepath.Join(m.stateOf(id), fmt.Sprintf("extra-%d", i), volumeName(m.cfg.InstallationID))
}

func (m *Manager) extraDir(id string, i int) string {
	return filepath.Join(m.runOf(id), fmt.Sprintf("extra-%d", i))
}

// extraDevice is the device node of the i-th extra volume; vda would be the
// boot volume.
func extraDevice(i int) string { return "/dev/vd" + string(rune('b'+i)) }

// extraBytes is the size of the extra volumes together.
func extraBytes(volumes []infra.ExtraVolume) int64 {
	sum := int64(0)
	for _, v := range volumes {
		sum += volumeBytes(v.SizeGB)
	}
	return sum
}

// makeVolumeDirs makes the directories of a machine's volumes, whose file
// system is what promises are counted on.
func (m *Manager) makeVolumeDirs(r record) error {
	id := r.Machine.ID
	if err := os.MkdirAll(m.stateOf(id), 0o700); err != nil {
		return err
	}
	for i := range r.ExtraVolumes {
		if err := os.MkdirAll(filepath.Dir(m.extraVolumeOf(id, i)), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// prepareExtraVolumes makes the extra volumes where the machine never ran,
// and mounts or attaches them.
func (m *Manager) prepareExtraVolumes(ctx context.Context, r record) error {
	id := r.Machine.ID
	for i, v := range r.ExtraVolumes {
		file := m.extraVolumeOf(id, i)
		make := disk.Create
		if v.MountPath == "" {
			make = disk.CreateBlank
		}
		if r.Booted {
			if _, err := os.Stat(file); err != nil {
				return fmt.Errorf("machine %s has lost its extra volume %d: %w", id, i, err)
			}
		} else if err := make(ctx, file, volumeBytes(v.SizeGB)); err != nil {
			return err
		}
		label := fmt.Sprintf("%s %s", extraDevice(i), id)
		if v.MountPath == "" {
			if err := disk.Attach(ctx, file, label); err != nil {
				return err
			}
			continue
		}
		dir := m.extraDir(id, i)
		if err := disk.Mount(ctx, file, dir, label); err != nil {
			return err
		}
		// A mount point's root is everybody's to enter, as a directory's would be.
		if !r.Booted {
			if err := os.Chmod(dir, 0o755); err != nil {
				return err
			}
		}
	}
	return nil
}

// extraMounts lists the mounts of the extra volumes, outer ones first.
func (m *Manager) extraMounts(r record) []specs.Mount {
	var list []specs.Mount
	for i, v := range r.ExtraVolumes {
		if v.MountPath != "" {
			list = append(list, specs.Mount{
				Destination: v.MountPath, Type: "bind", Source: m.extraDir(r.Machine.ID, i), Options: []string{"bind", "rw"},
			})
		}
	}
	slices.SortFunc(list, func(a, b specs.Mount) int { return strings.Compare(a.Destination, b.Destination) })
	return list
}

// extraDevices lists the device nodes of the extra volumes that are not mounted.
func (m *Manager) extraDevices(r record) ([]specs.LinuxDevice, error) {
	var list []specs.LinuxDevice
	mode := os.FileMode(0o660)
	for i, v := range r.ExtraVolumes {
		if v.MountPath != "" {
			continue
		}
		file := m.extraVolumeOf(r.Machine.ID, i)
		loops, err := disk.Loops(func(backing string) bool { return backing == file })
		if err != nil {
			return nil, err
		}
		if len(loops) == 0 {
			return nil, fmt.Errorf("the extra volume %s is attached to no loop device", file)
		}
		var st unix.Stat_t
		if err := unix.Stat(loops[0].Device, &st); err != nil {
			return nil, fmt.Errorf("the device of an extra volume: %s: %w", loops[0].Device, err)
		}
		list = append(list, specs.LinuxDevice{
			Path: extraDevice(i), Type: "b", Major: int64(unix.Major(uint64(st.Rdev))), Minor: int64(unix.Minor(uint64(st.Rdev))), FileMode: &mode,
		})
	}
	return list, nil
}

// detachVolumes waits until no loop device holds a volume of the machine.
func (m *Manager) detachVolumes(ctx context.Context, id string) error {
	files, err := filepath.Glob(filepath.Join(m.stateOf(id), "extra-*", volumeName(m.cfg.InstallationID)))
	if err != nil {
		return err
	}
	for _, file := range append(files, m.volumeOf(id)) {
		if err := disk.Detach(ctx, file); err != nil {
			return fmt.Errorf("a volume of machine %s: %w", id, err)
		}
	}
	return nil
}
