package machines

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/local/machines/disk"
)

// A promise is what one machine was given of the host. Installations beside
// each other read each other's, so that together they promise no more than
// there is.
type promise struct {
	Machine     string `json:"machine"`
	VCPUs       int    `json:"vcpus"`
	MemoryMB    int    `json:"memory_mb"`
	Volume      string `json:"volume"`
	VolumeBytes int64  `json:"volume_bytes"`
}

// host is what there is to promise; tests have hosts of their own.
type host struct {
	processors int
	memoryMB   func() (int, error)
	disk       func(dir string) (free, total int64, err error)
	// promises is the directory of all installations' run directories.
	promises string
}

var thisHost = host{processors: runtime.NumCPU(), memoryMB: hostMemoryMB, disk: disk.Free, promises: runRoot}

// hostMemoryMB is all of the host's memory.
func hostMemoryMB() (int, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, err
	}
	return int(info.Totalram * uint64(info.Unit) >> 20), nil
}

const (
	promisesFile = "promises.json" // of each installation, in its run directory
	// spareDisk is what volumes leave free on the file system of the state directory.
	spareDisk = disk.GiB
)

// promise runs change, which adds or removes machines, while no other
// installation can, and publishes the outcome; the caller holds mu.
func (m *Manager) promise(change func() error) error {
	unlock, err := lockHost()
	if err != nil {
		return err
	}
	defer unlock()
	if err := change(); err != nil {
		return err
	}
	return m.writePromises()
}

// publishPromises makes the promises of the records known.
func (m *Manager) publishPromises() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.promise(func() error { return nil })
}

func (m *Manager) writePromises() error {
	raw, err := json.Marshal(m.ownPromises())
	if err != nil {
		return err
	}
	if err := writeFile(m.promisesFile(), raw, false); err != nil {
		return fmt.Errorf("publishing what is promised to machines: %w", err)
	}
	return nil
}

func (m *Manager) promisesFile() string {
	return filepath.Join(m.host.promises, m.cfg.InstallationID, promisesFile)
}

func (m *Manager) ownPromises() []promise {
	list := []promise{}
	for id, e := range m.entries {
		r := &e.record
		list = append(list, promise{
			Machine: id, VCPUs: r.Flavor.VCPUs, MemoryMB: r.Flavor.MemoryMB,
			Volume: m.volumeOf(id), VolumeBytes: volumeBytes(r.VolumeGB),
		})
		for i, v := range r.ExtraVolumes {
			list = append(list, promise{Machine: id, Volume: m.extraVolumeOf(id, i), VolumeBytes: volumeBytes(v.SizeGB)})
		}
	}
	return list
}

// othersPromises reads those of the installations beside this one. Ones whose
// machine has no directory are of an installation that went away.
func (m *Manager) othersPromises() ([]promise, error) {
	files, err := filepath.Glob(filepath.Join(m.host.promises, "*", promisesFile))
	if err != nil {
		return nil, err
	}
	var list []promise
	for _, file := range files {
		if file == m.promisesFile() {
			continue
		}
		raw, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var of []promise
		if err := json.Unmarshal(raw, &of); err != nil {
			m.log.Warn("promises of another installation cannot be read", "file", file, "error", err)
			continue
		}
		for _, p := range of {
			if _, err := os.Stat(filepath.Dir(p.Volume)); err == nil {
				list = append(list, p)
			}
		}
	}
	return list, nil
}

// fits tells with the numbers why a flavor and a new volume of so many bytes
// do not fit on the host. without names the machine whose flavor is to be
// replaced. The caller holds mu and is within promise.
func (m *Manager) fits(f infra.Flavor, volume int64, without string) error {
	list, err := m.othersPromises()
	if err != nil {
		return err
	}
	for _, p := range m.ownPromises() {
		if p.Machine == without {
			p.VCPUs, p.MemoryMB = 0, 0
		}
		list = append(list, p)
	}
	vcpus, memory, outstanding := 0, 0, int64(0)
	for _, p := range list {
		vcpus += p.VCPUs
		memory += p.MemoryMB
		if disk.SameFileSystem(filepath.Dir(p.Volume), m.cfg.StateDir) {
			used, err := disk.Allocated(p.Volume)
			if err != nil {
				return err
			}
			outstanding += max(0, p.VolumeBytes-used)
		}
	}
	total, err := m.memoryMB()
	if err != nil {
		return err
	}
	if memory+f.MemoryMB > total {
		return hanok.Errorf(hanok.KindUnavailable,
			"the machine needs %d MiB of memory, and %d of the %d MiB for machines are promised; delete machines or choose a smaller flavor",
			f.MemoryMB, memory, total)
	}
	if processors := m.vcpus(); vcpus+f.VCPUs > processors {
		return hanok.Errorf(hanok.KindUnavailable,
			"the machine needs %d vCPUs, and %d of %d (%d processors, overcommitted by %g) are promised; delete machines or choose a smaller flavor",
			f.VCPUs, vcpus, processors, m.host.processors, m.cfg.CPUOvercommit)
	}
	free, _, err := m.host.disk(m.cfg.StateDir)
	if err != nil {
		return err
	}
	if left := free - outstanding - spareDisk; volume > 0 && volume > left {
		return hanok.Errorf(hanok.KindUnavailable,
			"the machine needs a volume of %s, and %s is left: %s free in %s, less %s that volumes may still fill and %s to spare; delete machines or ask for a smaller volume",
			gib(volume), gib(max(0, left)), gib(free), m.cfg.StateDir, gib(outstanding), gib(spareDisk))
	}
	return nil
}

func gib(bytes int64) string { return fmt.Sprintf("%.1f GiB", float64(bytes)/disk.GiB) }

// vcpus is how many vCPUs there are to promise.
func (m *Manager) vcpus() int {
	return int(math.Floor(float64(m.host.processors) * m.cfg.CPUOvercommit))
}

// memoryMB is how much memory there is to promise.
func (m *Manager) memoryMB() (int, error) {
	total, err := m.host.memoryMB()
	return max(0, total-m.cfg.ReservedMemoryMB), err
}

// Capacity tells what this installation promised of what the host has: vCPUs
// with overcommitment, memory without what is reserved, and the whole size of
// the state directory's file system. What others use of it is not in these
// figures, but what a new machine is measured against.
func (m *Manager) Capacity() (infra.Capacity, error) {
	memory, err := m.memoryMB()
	if err != nil {
		return infra.Capacity{}, err
	}
	_, total, err := m.host.disk(m.cfg.StateDir)
	if err != nil {
		return infra.Capacity{}, err
	}
	c := infra.Capacity{
		VCPUs: m.host.processors, CPUOvercommit: m.cfg.CPUOvercommit,
		MemoryMB: memory, DiskGB: int(total / disk.GiB),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.entries {
		c.UsedVCPUs += e.record.Flavor.VCPUs
		c.UsedMemoryMB += e.record.Flavor.MemoryMB
		c.UsedDiskGB += e.record.VolumeGB + int(extraBytes(e.record.ExtraVolumes)/disk.GiB)
	}
	return c, nil
}

// volumeBytes is the size of a volume.
func volumeBytes(gb int) int64 { return int64(gb) * disk.GiB }
