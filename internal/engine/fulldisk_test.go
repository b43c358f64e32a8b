package engine

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/diskfault"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/store"
)

// fillable is a disk below the store and the driver that can be full: nothing
// that writes to it succeeds then.
type fillable struct {
	full    atomic.Bool
	refused atomic.Int32
}

func (d *fillable) write() error {
	if !d.full.Load() {
		return nil
	}
	d.refused.Add(1)
	return diskfault.Explain("/", unix.ENOSPC)
}

type storeOn struct {
	*fillable
	store.Store
}

func (s storeOn) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) error { return errors.Join(fn(tx), s.write()) })
}

type driverOn struct {
	*fillable
	infra.Driver
}

func (d driverOn) CreateMachine(ctx context.Context, s infra.MachineSpec) (infra.Machine, error) {
	if err := d.write(); err != nil {
		return infra.Machine{}, err
	}
	return d.Driver.CreateMachine(ctx, s)
}

// TestFullDisk: an operation that meets a full disk neither fails nor ends
// half done: it goes on when there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		step         string // at whose beginning the disk is full
		onlyMachines bool   // the database has a disk of its own
	}{
		"at the first step":          {"reserve", false},
		"while machines are made":    {"machines", false},
		"at the last step":           {"finish", false},
		"only that of the machines'": {"machines", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fake.Options{})
			disk, database := &fillable{}, &fillable{}
			if !tt.onlyMachines {
				database = disk
			}
			var once atomic.Bool
			e, _ := w.start(t, func(c *Config) {
				c.Store, c.Driver = storeOn{database, w.store}, driverOn{disk, w.cloud}
				c.AtBoundary = func(b Boundary) {
					if b.Step == tt.step && !b.After && once.CompareAndSwap(false, true) {
						disk.full.Store(true)
					}
				}
			})
			c := create(t, e, plan("full", 2))
			eventually(t, "writes are refused", func() (bool, string) { return disk.refused.Load() > 2, "" })
			if _, err := e.CreateCluster(t.Context(), plan("other", 1)); !tt.onlyMachines && hanok.KindOf(err) != hanok.KindUnavailable {
				t.Errorf("a create on a full disk: %v, want KindUnavailable", err)
			}
			if got := w.events(t, c.UUID); len(got) != 1 || !strings.HasPrefix(got[0], "CLUSTER_CREATE IN_PROGRESS") {
				t.Errorf("events on a full disk: %v", got)
			}
			disk.full.Store(false)
			w.awaitStatus(t, c.UUID, hanok.CreateComplete)
		})
	}
}
