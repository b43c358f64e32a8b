// Package infratest says in tests what the comments of infra.Driver say in
// words. Every driver runs it.
package infratest

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// Options fit the suite to a driver. Zero fields take defaults that suit a
// driver which makes nothing real.
type Options struct {
	// Subnet is where most ports go; Other has the same range in another VPC
	// of another project; Small holds few addresses (a /29), to use them up.
	Subnet, Other, Small infra.Subnet
	// Flavor is small enough for two machines at once. Resized is another
	// one; without an ID the resize is not tested.
	Flavor, Resized infra.Flavor
	Image           infra.Image
	BootVolume      infra.Volume
	Keypair         *infra.Keypair
	UserData        []byte
	Zone            string
	// Serve starts, for a machine, a TCP service that sends the machine's ID
	// and a newline to each connection and then echoes, and gives the address
	// to put behind an endpoint. nil: connections are not tested.
	Serve func(t *testing.T, m infra.Machine) netip.AddrPort
	// Attempts above 1 let the suite repeat a call that gave an internal
	// error, as the service does: for drivers that lose replies.
	Attempts int
	// Timeout bounds each wait for a machine; default 60 s. Poll is the pause
	// between looks; default 10 ms.
	Timeout, Poll time.Duration
}

// Run runs the suite. open gives a driver for one test; the suite deletes
// what it makes in it, and open registers what else is to clean up.
func Run(t *testing.T, open func(t *testing.T) infra.Driver, o Options) {
	o.defaults()
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"PortLifecycle", portLifecycle},
		{"PortsOfTwoNetworksMayOverlap", portsOverlap},
		{"PortsUsedUp", portsUsedUp},
		{"ControlPlanePort", controlPlanePort},
		{"MachineLifecycle", machineLifecycle},
		{"MachineCreateTwice", machineCreateTwice},
		{"MachinesOfCluster", machinesOfCluster},
		{"MachineStopStart", machineStopStart},
		{"MachineResize", machineResize},
		{"MachineExtraVolumes", machineExtraVolumes},
		{"MachineDeleteWhileBuilding", machineDeleteWhileBuilding},
		{"MachineDoesNotFit", machineDoesNotFit},
		{"PortInUse", portInUse},
		{"UnknownResources", unknownResources},
		{"EndpointLifecycle", endpointLifecycle},
		{"EndpointConnections", endpointConnections},
		{"Concurrent", concurrent},
		{"RestoreTouchesNothing", restoreTouchesNothing},
		{"CancelledContext", cancelledContext},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fixture{T: t, o: o, ctx: t.Context(), cluster: newUUID()}
			f.d = open(t)
			if o.Attempts > 1 {
				f.d = &retrying{Driver: f.d, attempts: o.Attempts}
			}
			before := f.capacity()
			t.Cleanup(func() { f.nothingLeft(before) })
			test.run(f)
		})
	}
}

func (o *Options) defaults() {
	vpc := func(name string) infra.Subnet {
		return infra.Subnet{
			ID: newUUID(), NetworkID: newUUID(), ProjectID: newUUID(), Name: name,
			CIDR:            netip.MustParsePrefix("192.168.0.0/24"),
			Gateway:         netip.MustParseAddr("192.168.0.1"),
			InternetGateway: true,
		}
	}
	if o.Subnet.ID == "" {
		o.Subnet = vpc("suite")
	}
	if o.Other.ID == "" {
		o.Other = vpc("suite-other")
	}
	if o.Small.ID == "" {
		o.Small = o.Subnet
		o.Small.ID, o.Small.Name = newUUID(), "suite-small"
		o.Small.CIDR = netip.MustParsePrefix("192.168.9.0/29")
		o.Small.Gateway = netip.MustParseAddr("192.168.9.1")
	}
	if o.Flavor.ID == "" {
		o.Flavor = infra.Flavor{ID: newUUID(), Name: "suite.c1m1", VCPUs: 1, MemoryMB: 1024}
		o.Resized = infra.Flavor{ID: newUUID(), Name: "suite.c1m2", VCPUs: 1, MemoryMB: 2048}
	}
	if o.Image.ID == "" {
		o.Image = infra.Image{ID: newUUID(), Name: "suite image", LoginUser: "debian"}
	}
	if o.BootVolume.SizeGB == 0 {
		o.BootVolume = infra.Volume{Type: "General HDD", SizeGB: 20}
	}
	if o.Keypair == nil {
		o.Keypair = &infra.Keypair{
			Name:      "suite",
			PublicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPoisonousButWellFormedKeyForTheSuite00000000 suite",
		}
	}
	if o.UserData == nil {
		o.UserData = []byte("{}")
	}
	if o.Zone == "" {
		o.Zone = "kr-pub-a"
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.Poll == 0 {
		o.Poll = 10 * time.Millisecond
	}
	if o.Attempts == 0 {
		o.Attempts = 1
	}
}

// nothingLeft checks, after the test deleted what it made, that nothing of
// its cluster remains and that every promise was taken back.
func (f *fixture) nothingLeft(before infra.Capacity) {
	f.Helper()
	// The test's own context has ended by now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.ctx), f.o.Timeout)
	defer cancel()
	f.ctx = ctx
	f.deleteAll()
	list, err := f.d.Machines(ctx, f.cluster)
	if err != nil || len(list) > 0 {
		f.Errorf("after the test: Machines = %v, %v; want none", list, err)
	}
	for _, key := range f.portKeys {
		if _, err := f.d.PortByKey(ctx, key); hanok.KindOf(err) != hanok.KindNotFound {
			f.Errorf("after the test: PortByKey(%s): %v, want not found", key, err)
		}
	}
	if after := f.capacity(); after != before {
		f.Errorf("after the test: capacity %+v, before it %+v", after, before)
	}
}
