package machines

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/local/machines/disk"
)

// smallHost is a host of 2 processors, 3000 MiB and 10 GiB for two
// installations.
func smallHost(t *testing.T) (one, two *bench) {
	t.Helper()
	h := &host{
		processors: 2,
		memoryMB:   func() (int, error) { return 3000, nil },
		disk:       func(string) (free, total int64, err error) { return 10 * disk.GiB, 12 * disk.GiB, nil },
		promises:   t.TempDir(),
	}
	open := func() *bench {
		return newBench(t, func(c *Config) {
			c.host, c.ReservedMemoryMB, c.CPUOvercommit = h, 1000, 4
			if err := os.Mkdir(filepath.Join(h.promises, c.InstallationID), 0o700); err != nil {
				t.Fatal(err)
			}
		})
	}
	return open(), open()
}

func (b *bench) sized(vcpus, memoryMB, volumeGB int) infra.MachineSpec {
	spec := b.spec()
	spec.Flavor.VCPUs, spec.Flavor.MemoryMB, spec.BootVolume.SizeGB = vcpus, memoryMB, volumeGB
	return spec
}

// TestDoesNotFit: what cannot fit is refused with the numbers and leaves
// nothing, whichever installation took the room.
func TestDoesNotFit(t *testing.T) {
	one, two := smallHost(t)
	v := one.create(one.sized(2, 800, 6))
	one.await(v.ID, infra.MachineActive)
	for _, tt := range []struct {
		what  string
		spec  infra.MachineSpec
		words []string
	}{
		{"memory", two.sized(1, 1201, 1), []string{"1201 MiB", "800 of the 2000 MiB"}},
		{"vCPUs", two.sized(7, 100, 1), []string{"needs 7 vCPUs", "2 of 8"}},
		{"volume", two.sized(1, 100, 4), []string{"4.0 GiB", "10.0 GiB free", "1.0 GiB to spare"}},
	} {
		for _, b := range []*bench{one, two} {
			_, err := b.m.Create(t.Context(), tt.spec)
			if hanok.KindOf(err) != hanok.KindUnavailable {
				t.Errorf("too much %s: %v, want it refused", tt.what, err)
				continue
			}
			for _, w := range tt.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("too much %s: %q does not say %q", tt.what, err, w)
				}
			}
		}
	}
	if left, _ := os.ReadDir(two.m.machinesDir()); len(left) > 0 {
		t.Errorf("refused machines left %v", left)
	}
	if c, err := one.m.Capacity(); err != nil || c != (infra.Capacity{
		VCPUs: 2, UsedVCPUs: 2, CPUOvercommit: 4, MemoryMB: 2000, UsedMemoryMB: 800, DiskGB: 12, UsedDiskGB: 6,
	}) {
		t.Errorf("Capacity = %+v, %v", c, err)
	}

	// A resize is measured against what the machine leaves free.
	if err := one.m.Stop(v.ID); err != nil {
		t.Fatal(err)
	}
	one.await(v.ID, infra.MachineShutoff)
	if err := one.m.Resize(v.ID, infra.Flavor{ID: "f2", VCPUs: 2, MemoryMB: 2001}); hanok.KindOf(err) != hanok.KindUnavailable {
		t.Errorf("a resize beyond the host's memory: %v", err)
	}
	if err := one.m.Resize(v.ID, infra.Flavor{ID: "f2", VCPUs: 2, MemoryMB: 2000}); err != nil {
		t.Errorf("a resize to all of the host's memory: %v", err)
	}
	if err := one.m.Delete(v.ID); err != nil {
		t.Fatal(err)
	}
	one.await(v.ID, infra.MachineDeleted)
	two.await(two.create(two.sized(1, 1201, 4)).ID, infra.MachineActive)
}

// TestPromisesAtOnce: of many machines asked for at once no more are made
// than fit, whichever installation they are of.
func TestPromisesAtOnce(t *testing.T) {
	const fit, asked = 3, 8
	one, two := smallHost(t)
	benches := []*bench{one, two}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		made int
	)
	for i := range asked {
		b := benches[i%2]
		wg.Go(func() {
			_, err := b.m.Create(t.Context(), b.sized(1, 2000/fit, 1))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
			} else if hanok.KindOf(err) != hanok.KindUnavailable {
				t.Errorf("Create: %v", err)
			}
		})
	}
	wg.Wait()
	if made != fit {
		t.Errorf("%d machines were made, want %d", made, fit)
	}
}

// TestPromisesOfTheGone: an installation whose volumes are gone takes no room.
func TestPromisesOfTheGone(t *testing.T) {
	one, two := smallHost(t)
	v := one.create(one.sized(1, 1500, 1))
	one.await(v.ID, infra.MachineActive)
	one.m.Close()
	if err := Remove(t.Context(), one.cfg.InstallationID); err != nil {
		t.Fatal(err)
	}
	if _, err := two.m.Create(t.Context(), two.sized(1, 600, 1)); hanok.KindOf(err) != hanok.KindUnavailable {
		t.Errorf("a stopped service's machine takes no room: %v", err)
	}
	if err := os.RemoveAll(one.cfg.StateDir); err != nil {
		t.Fatal(err)
	}
	two.await(two.create(two.sized(1, 600, 1)).ID, infra.MachineActive)
}
