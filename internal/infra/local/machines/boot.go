package machines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/hanok/hanok/internal/infra/local/machines/disk"
	"github.com/hanok/hanok/internal/infra/local/machines/hardware"
	"github.com/hanok/hanok/internal/machine"
)

func (m *Manager) volumeDir(id string) string { return filepath.Join(m.runOf(id), "volume") }
func (m *Manager) rootDir(id string) string   { return filepath.Join(m.runOf(id), "root") }

// direct are the directories of a machine that lie on the volume itself: an
// overlay cannot lie on an overlay, which containerd's would, and databases
// are better off without one. By name on the volume.
var direct = map[string]string{
	"containerd": "/var/lib/containerd",
	"kubelet":    "/var/lib/kubelet",
	"etcd":       "/var/lib/etcd",
	"hanok":      machine.StateDir,
	"log":        "/var/log",
}

// boot starts a machine that does not run, from whatever an earlier attempt
// or a reboot of the host left of it.
func (m *Manager) boot(ctx context.Context, r record) (*initProcess, error) {
	id := r.Machine.ID
	if err := m.clear(ctx, id); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(m.runOf(id), 0o700); err != nil {
		return nil, err
	}
	var (
		netns string
		faces []hardware.Face
	)
	// The volume and the network know nothing of each other: make them side by side.
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		netns, err = m.cfg.Network.AttachMachine(gctx, id, r.PortIDs)
		if err != nil {
			return fmt.Errorf("attaching machine %s to its network: %w", id, err)
		}
		return nil
	})
	g.Go(func() (err error) {
		if err := m.prepareVolume(gctx, r); err != nil {
			return err
		}
		if err := m.prepareExtraVolumes(gctx, r); err != nil {
			return err
		}
		shape := hardware.Shape{VCPUs: r.Flavor.VCPUs, MemoryMB: r.Flavor.MemoryMB, UUID: id}
		faces, err = hardware.Write(filepath.Join(m.runOf(id), "hardware"), shape)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	spec, err := m.spec(r, netns, faces)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(m.runOf(id), "config.json"), raw, 0o600); err != nil {
		return nil, err
	}
	init, err := m.create(ctx, id, m.runOf(id))
	if err != nil {
		return nil, err
	}
	if err := furnish(*init, m.runOf(id)); err != nil {
		return nil, fmt.Errorf("preparing the mounts of machine %s: %w", id, err)
	}
	return init, m.startInit(ctx, id)
}

// prepareVolume mounts the machine's volume and root, and makes them first
// where the machine never ran.
func (m *Manager) prepareVolume(ctx context.Context, r record) error {
	id := r.Machine.ID
	file := m.volumeOf(id)
	if r.Booted {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("machine %s has lost its volume: %w", id, err)
		}
	} else if err := disk.Create(ctx, file, volumeBytes(r.VolumeGB)); err != nil {
		return err
	}
	volume := m.volumeDir(id)
	label := volumeName(m.cfg.InstallationID) + " " + id
	if err := disk.Mount(ctx, file, volume, label); err != nil {
		return err
	}
	for name := range direct {
		if err := os.MkdirAll(filepath.Join(volume, name), 0o755); err != nil {
			return err
		}
	}
	upper := filepath.Join(volume, "root", "upper")
	if !r.Booted || r.UserData != nil {
		if err := seedRoot(upper, r); err != nil {
			return fmt.Errorf("preparing the root of machine %s: %w", id, err)
		}
	}
	if _, err := os.Stat(r.Tree); err != nil {
		return fmt.Errorf("the tree below the root of machine %s is gone; restore it (hanok bundle build): %w", id, err)
	}
	return disk.Overlay(r.Tree, upper, filepath.Join(volume, "root", "work"), m.rootDir(id))
}

// seedRoot writes what makes the machine this machine, before its first boot
// and until it is on the disk for good.
func seedRoot(upper string, r record) error {
	files := []struct {
		path    string
		mode    os.FileMode
		content []byte
	}{
		{"/etc/machine-id", 0o444, []byte(strings.ReplaceAll(r.Machine.ID, "-", "") + "\n")},
		{"/etc/hostname", 0o644, []byte(r.Machine.Name + "\n")},
		{machine.ConfigPath, 0o600, r.UserData},
	}
	for _, f := range files {
		path := filepath.Join(upper, f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.WriteFile(path, f.content, f.mode); err != nil {
			return err
		}
	}
	return nil
}
