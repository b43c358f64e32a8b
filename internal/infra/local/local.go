// Package local is the driver for one machine: clusters' machines are
// containers of this host, their networks are network namespaces. It puts
// infra/local/machines and infra/local/network together.
package local

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/local/machines"
	"github.com/hanok/hanok/internal/infra/local/network"
	"github.com/hanok/hanok/internal/rootfs"
)

// Defaults of Config.
const (
	defaultAgentPort = 9512
	bundlesDir       = "bundles" // in the cache
)

// Config says where the driver keeps what, and what the host gives to
// machines. Zero fields take the defaults named.
type Config struct {
	// StateDir holds the installation's id, the machines' volumes and all
	// records. One process at a time may use it.
	StateDir string
	// CacheDir holds the Debian tree and the bundles; installations share it.
	CacheDir string
	// AgentPort is where the service listens for agents; default 9512.
	AgentPort int
	// AgentBinary is the program that machines run as their agent; default: this program.
	AgentBinary string
	// Init is the argument vector of the machines' PID 1; default: the agent.
	Init []string
	// ReservedMemoryMB is what machines may not have of the host's memory; default 1024.
	ReservedMemoryMB int
	// CPUOvercommit is how many vCPUs a processor stands for; default 16.
	CPUOvercommit float64
	Log           *slog.Logger
}

// Driver implements infra.Driver on this host.
type Driver struct {
	*network.Manager
	machines *machines.Manager
	id       string
	stateDir string
	agent    netip.AddrPort
	log      *slog.Logger
	stop     context.CancelFunc // ends followHost
	followed chan struct{}      // closed when it has ended
}

var _ infra.Driver = (*Driver)(nil)

// New opens the installation in a state directory, and makes its side of the
// host. It needs root. Call Restore before anything else.
func New(ctx context.Context, c Config) (*Driver, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("machines of this host need root: run hanok as root")
	}
	var err error
	if c.StateDir, err = filepath.Abs(c.StateDir); err != nil {
		return nil, err
	}
	if c.CacheDir, err = filepath.Abs(c.CacheDir); err != nil {
		return nil, err
	}
	if c.AgentPort == 0 {
		c.AgentPort = defaultAgentPort
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	id, err := installationID(c.StateDir)
	if err != nil {
		return nil, err
	}
	n, err := network.Open(ctx, network.Config{
		StateDir: c.StateDir, InstallationID: id, AgentPort: c.AgentPort, Log: c.Log,
	})
	if err != nil {
		return nil, err
	}
	m, err := machines.Open(ctx, machines.Config{
		StateDir: c.StateDir, InstallationID: id, Network: n,
		Tree:       func() (string, error) { return rootfs.Lookup(c.CacheDir) },
		BundlesDir: filepath.Join(c.CacheDir, bundlesDir), AgentBinary: c.AgentBinary, Init: c.Init,
		ReservedMemoryMB: c.ReservedMemoryMB, CPUOvercommit: c.CPUOvercommit, Log: c.Log,
	})
	if err != nil {
		return nil, err
	}
	agent := netip.AddrPortFrom(n.ServiceAddress(), uint16(c.AgentPort))
	d := &Driver{Manager: n, machines: m, id: id, stateDir: c.StateDir, agent: agent, log: c.Log, followed: make(chan struct{})}
	follow, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stop = stop
	go d.followHost(follow)
	return d, nil
}

// refreshInterval is how late a host's move to another network, or a firewall
// that started after the service, may be noticed.
const refreshInterval = 30 * time.Second

// followHost keeps the networks in step with the host until ctx ends.
func (d *Driver) followHost(ctx context.Context) {
	defer close(d.followed)
	tick := time.NewTicker(refreshInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := d.Refresh(ctx); err != nil && ctx.Err() == nil {
				d.log.Warn("cannot follow the host's network", "error", err)
			}
		}
	}
}

// Name is "local".
func (d *Driver) Name() string { return "local" }

// InstallationID is the six hex digits in every name that is made on the host.
func (d *Driver) InstallationID() string { return d.id }

// AgentAddress is where the service must listen for agents.
func (d *Driver) AgentAddress() netip.AddrPort { return d.agent }

// Capacity tells what the host has and what is promised to machines.
func (d *Driver) Capacity(ctx context.Context) (infra.Capacity, error) {
	if err := ctx.Err(); err != nil {
		return infra.Capacity{}, err
	}
	return d.machines.Capacity()
}

// Restore repairs the networks, then begins to start what should run.
func (d *Driver) Restore(ctx context.Context) error {
	if err := d.Manager.Restore(ctx); err != nil {
		return err
	}
	return d.machines.Restore(ctx)
}

// Close ends this process's work and leaves machines and networks as they are.
func (d *Driver) Close() {
	d.stop()
	<-d.followed
	d.machines.Close()
}

// Destroy removes all machines with their volumes, all networks, and the
// settings of the host that were changed. The driver cannot be used after it.
func (d *Driver) Destroy(ctx context.Context) error {
	d.stop()
	<-d.followed
	if err := d.machines.Destroy(ctx); err != nil {
		return err
	}
	if err := d.Manager.Destroy(ctx); err != nil {
		return err
	}
	return removeInstallationID(d.stateDir)
}
