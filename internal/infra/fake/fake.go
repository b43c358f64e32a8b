// Package fake is an infra.Driver in memory for tests: slow, with ids of its
// own, and as unreliable as a cloud when asked to be.
package fake

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/hanok/hanok/internal/infra"
)

// Options shape a Driver. The zero value is fast, reliable and has room for
// a hundred small machines.
type Options struct {
	// Delay is how long each call takes before it acts.
	Delay time.Duration
	// Polls is how many looks at a machine its transitions take: BUILD to
	// ACTIVE, to SHUTOFF, and gone after a delete. Each call that concerns the
	// machine is a look. 0: the transition is over when the call returns.
	Polls int
	// FailRate and LoseRate are the shares (0 to 1) of calls that fail before
	// they act, and that act and then lose their reply. Seed makes the
	// choice repeatable.
	FailRate, LoseRate float64
	Seed               uint64
	// Capacity bounds memory and disk (CPU may be overcommitted); zero
	// fields: 64 vCPUs, 128 GiB of memory, 4000 GiB of disk.
	Capacity infra.Capacity
	// AgentAddress is what the method of that name gives; default 198.18.0.1:9512.
	AgentAddress netip.AddrPort
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Driver is the fake cloud. Make it with New. All methods may be called at once.
type Driver struct {
	opts Options

	mu        sync.Mutex
	faults    faults
	calls     map[string]int
	ports     map[string]*port
	machines  map[string]*machine
	order     []string // machine ids, oldest first
	endpoints map[string]*endpoint
	taken     map[netip.Addr]bool // of the service's own range
	restored  int
}

var _ infra.Driver = (*Driver)(nil)

// New makes an empty cloud.
func New(opts Options) *Driver {
	if opts.Capacity.VCPUs == 0 {
		opts.Capacity.VCPUs = 64
	}
	if opts.Capacity.MemoryMB == 0 {
		opts.Capacity.MemoryMB = 128 << 10
	}
	if opts.Capacity.DiskGB == 0 {
		opts.Capacity.DiskGB = 4000
	}
	if opts.Capacity.CPUOvercommit == 0 {
		opts.Capacity.CPUOvercommit = 16
	}
	if !opts.AgentAddress.IsValid() {
		opts.AgentAddress = netip.MustParseAddrPort("198.18.0.1:9512")
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Driver{
		opts:      opts,
		faults:    newFaults(opts),
		calls:     map[string]int{},
		ports:     map[string]*port{},
		machines:  map[string]*machine{},
		endpoints: map[string]*endpoint{},
		taken:     map[netip.Addr]bool{},
	}
}

// call runs act as one call of the cloud: after the delay, under the lock,
// and with the faults that are due.
func call[T any](ctx context.Context, d *Driver, op string, act func() (T, error)) (T, error) {
	var none T
	if err := d.wait(ctx); err != nil {
		return none, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls[op]++
	fault := d.faults.next(op)
	if fault == Fail {
		return none, faultError(op, fault)
	}
	v, err := act()
	if err == nil && fault == LoseReply {
		return none, faultError(op, fault)
	}
	return v, err
}

// run is call for methods that give nothing back.
func run(ctx context.Context, d *Driver, op string, act func() error) error {
	_, err := call(ctx, d, op, func() (struct{}, error) { return struct{}{}, act() })
	return err
}

func (d *Driver) wait(ctx context.Context) error {
	if d.opts.Delay > 0 {
		t := time.NewTimer(d.opts.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// Name is "fake".
func (d *Driver) Name() string { return "fake" }

// AgentAddress is the option of that name.
func (d *Driver) AgentAddress() netip.AddrPort { return d.opts.AgentAddress }

// Restore counts that it was called (see Inventory); nothing here is lost by a restart.
func (d *Driver) Restore(ctx context.Context) error {
	return run(ctx, d, "Restore", func() error {
		d.restored++
		return nil
	})
}

// Capacity sums what the machines were promised.
func (d *Driver) Capacity(ctx context.Context) (infra.Capacity, error) {
	return call(ctx, d, "Capacity", func() (infra.Capacity, error) { return d.capacity(), nil })
}

func (d *Driver) capacity() infra.Capacity {
	c := d.opts.Capacity
	for _, m := range d.machines {
		c.UsedVCPUs += m.spec.Flavor.VCPUs
		c.UsedMemoryMB += m.spec.Flavor.MemoryMB
		c.UsedDiskGB += diskOf(m.spec)
	}
	return c
}
