package infratest

import (
	"context"
	"errors"
	"net/netip"
	"sync"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// unknownResources: what does not exist cannot be looked up or changed, and
// its deletion is success.
func unknownResources(f *fixture) {
	id := newUUID()
	_, err := f.d.Machine(f.ctx, id)
	f.wantKind("Machine", err, hanok.KindNotFound)
	f.wantKind("StopMachine", f.d.StopMachine(f.ctx, id), hanok.KindNotFound)
	f.wantKind("StartMachine", f.d.StartMachine(f.ctx, id), hanok.KindNotFound)
	f.wantKind("ResizeMachine", f.d.ResizeMachine(f.ctx, id, f.o.Flavor), hanok.KindNotFound)
	f.wantKind("SetEndpointMembers",
		f.d.SetEndpointMembers(f.ctx, id, []netip.AddrPort{netip.MustParseAddrPort("198.18.1.200:6443")}), hanok.KindNotFound)
	_, err = f.d.DialEndpoint(f.ctx, id)
	f.wantKind("DialEndpoint", err, hanok.KindNotFound)
	f.ok("DeleteMachine", f.d.DeleteMachine(f.ctx, id))
	f.ok("DeletePort", f.d.DeletePort(f.ctx, id))
	f.ok("DeleteEndpoint", f.d.DeleteEndpoint(f.ctx, id))
}

// concurrent: the same create from several goroutines gives one resource, and
// different ones do not get in each other's way.
func concurrent(f *fixture) {
	const callers = 4
	shared := f.portSpec(f.o.Subnet)
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		same  = map[string]bool{}
		addrs = map[netip.Addr]bool{}
	)
	for range callers {
		own := f.portSpec(f.o.Subnet)
		wg.Go(func() {
			a, errA := f.d.CreatePort(f.ctx, shared)
			b, errB := f.d.CreatePort(f.ctx, own)
			mu.Lock()
			defer mu.Unlock()
			if err := errors.Join(errA, errB); err != nil {
				f.Errorf("CreatePort: %v", err)
				return
			}
			same[a.ID], addrs[a.Address], addrs[b.Address] = true, true, true
			f.ports = append(f.ports, a.ID, b.ID)
		})
	}
	wg.Wait()
	if len(same) != 1 {
		f.Errorf("one key gave %d ports", len(same))
	}
	if len(addrs) != callers+1 {
		f.Errorf("%d ports got %d addresses", callers+1, len(addrs))
	}

	spec := f.machineSpec(f.port(f.portSpec(f.o.Subnet)))
	ids := map[string]bool{}
	for range callers {
		wg.Go(func() {
			m, err := f.d.CreateMachine(f.ctx, spec)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				f.Errorf("CreateMachine: %v", err)
				return
			}
			ids[m.ID] = true
			f.machines = append(f.machines, m.ID)
		})
	}
	wg.Wait()
	if len(ids) != 1 {
		f.Fatalf("one key gave %d machines", len(ids))
	}
	f.await(f.machines[0], infra.MachineActive)
	for range callers {
		wg.Go(func() {
			if err := f.d.DeleteMachine(f.ctx, f.machines[0]); err != nil {
				f.Errorf("DeleteMachine: %v", err)
			}
		})
	}
	wg.Wait()
	f.await(f.machines[0], infra.MachineDeleted)
}

// restoreTouchesNothing: a restart of the service does not disturb what runs
// and does not start what was stopped.
func restoreTouchesNothing(f *fixture) {
	running, _ := f.active()
	stopped, _ := f.active()
	f.ok("StopMachine", f.d.StopMachine(f.ctx, stopped.ID))
	f.await(stopped.ID, infra.MachineShutoff)
	f.ok("Restore", f.d.Restore(f.ctx))
	f.ok("Restore again", f.d.Restore(f.ctx))
	for id, want := range map[string]infra.MachineStatus{
		running.ID: infra.MachineActive,
		stopped.ID: infra.MachineShutoff,
	} {
		if m, err := f.d.Machine(f.ctx, id); err != nil || m.Status != want {
			f.Errorf("machine %s is %s after Restore (%v), want %s", id, m.Status, err, want)
		}
	}
}

// cancelledContext: a call whose caller has gone does nothing.
func cancelledContext(f *fixture) {
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	spec := f.portSpec(f.o.Subnet)
	if _, err := f.d.CreatePort(ctx, spec); !errors.Is(err, context.Canceled) {
		f.Errorf("CreatePort of a cancelled caller: %v, want context.Canceled", err)
	}
	_, err := f.d.PortByKey(f.ctx, spec.Key)
	f.wantKind("PortByKey after it", err, hanok.KindNotFound)
}
