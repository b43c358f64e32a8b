// Package machines makes the machines of one host: containers of the OCI
// runtime that look like small servers. Each has its own process, mount, UTS,
// IPC, cgroup and network namespaces, a root of its own on a volume of real
// size, and the processors and memory of its flavor. The agent is its PID 1.
//
// No machine is a child of this process or lives in its control group, so
// machines outlive it. What a machine is meant to be is on disk before
// anything is done for it; a worker per machine then makes it so, and after a
// crash Restore goes on from there.
//
//	          Create            boot            PID 1 ends, boot fails
//	(record) ───────► BUILD ──────────► ACTIVE ────────────────► ERROR
//	                    ▲                 │ ▲                      │
//	                    │      Stop ┌─────┘ └── Start, or by itself┘
//	                    │           ▼
//	                    └─ Start ─ SHUTOFF        Delete, from any: gone
package machines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/local/machines/cgroup"
	"github.com/hanok/hanok/internal/machine"
)

// runRoot is where everything of a running machine lies that a reboot of the
// host may take away: <runRoot>/<installation>/.
const runRoot = "/run/hanok"

// Network gives machines their network namespaces. See infra/local/network.
type Network interface {
	Port(ctx context.Context, id string) (infra.Port, error)
	AttachMachine(ctx context.Context, machineID string, portIDs []string) (netnsPath string, err error)
	DetachMachine(ctx context.Context, machineID string) error
}

// Config says how to make machines. Zero fields take the defaults named.
type Config struct {
	// StateDir holds the records and volumes, in its subdirectory "machines".
	StateDir string
	// InstallationID is six hex digits; every name made on the host carries it.
	InstallationID string
	Network        Network
	// Tree gives the directory of the read-only tree below a new machine's root.
	Tree func() (string, error)
	// BundlesDir is mounted, read-only, at machine.BundlesDir.
	BundlesDir string
	// AgentBinary is the program mounted at machine.AgentBinary; default: this program.
	AgentBinary string
	// Init is the argument vector of PID 1; default: the agent. It is asked to
	// end by SIGTERM, maybe more than once.
	Init []string
	// Runtime is the OCI runtime's program; default "runc".
	Runtime string
	// ReservedMemoryMB is what machines may not have of the host's memory; default 1024.
	ReservedMemoryMB int
	// CPUOvercommit is how many vCPUs a processor stands for; default 16.
	CPUOvercommit float64
	// StopGrace is how long PID 1 may take to end when asked to; default 10 s.
	StopGrace time.Duration
	Log       *slog.Logger

	// host is another one than this, in tests, and userDataPause shorter than
	// the constant.
	host          *host
	userDataPause time.Duration
}

// Manager owns the machines of one installation. Its methods may be called at
// once, from any goroutine.
type Manager struct {
	cfg     Config
	log     *slog.Logger
	cgroups cgroup.Host
	host    host
	runDir  string

	// ctx ends with Close; workers are what it waits for.
	ctx     context.Context
	cancel  context.CancelFunc
	workers sync.WaitGroup

	mu      sync.Mutex
	entries map[string]*entry // by machine id
	closed  bool
}

var installationRE = regexp.MustCompile(`^[0-9a-f]{6}$`)

// Open reads the records of the installation's machines and prepares the
// host. It starts nothing: that is Restore's part.
func Open(ctx context.Context, cfg Config) (*Manager, error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	groups, err := cgroup.Detect()
	if err != nil {
		return nil, err
	}
	m := &Manager{cfg: cfg, log: cfg.Log, cgroups: groups, host: *cfg.host, runDir: runDir(cfg.InstallationID)}
	m.ctx, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := forgetLastBoot(m.runDir); err != nil {
		return nil, err
	}
	for _, dir := range []string{m.cfg.StateDir, m.machinesDir(), m.agentDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("preparing for machines: %w", err)
		}
	}
	// Machines see what is built later only in a directory that is there already.
	if err := os.MkdirAll(cfg.BundlesDir, 0o755); err != nil {
		return nil, fmt.Errorf("preparing for machines: %w", err)
	}
	// One service works for an installation, and this one has only begun.
	if err := endRuntimes(ctx, cfg.InstallationID, "create", "start"); err != nil {
		return nil, err
	}
	if err := installAgent(m.agentDir(), cfg.AgentBinary); err != nil {
		return nil, err
	}
	if m.entries, err = load(m.machinesDir()); err != nil {
		return nil, err
	}
	if err := m.publishPromises(); err != nil {
		return nil, err
	}
	if err := raiseHostSettings(cfg.InstallationID, cfg.Log); err != nil {
		return nil, err
	}
	return m, nil
}

// forgetLastBoot empties a run directory that is from before the host's last
// boot, on hosts where /run outlives one: process numbers in it mean nothing.
func forgetLastBoot(dir string) error {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return err
	}
	note := filepath.Join(dir, "boot-id")
	if last, err := os.ReadFile(note); err == nil && !bytes.Equal(last, boot) {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("removing what is from before the host's last boot: %w", err)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("preparing for machines: %w", err)
	}
	return os.WriteFile(note, boot, 0o600)
}

func (c *Config) defaults() error {
	switch {
	case !installationRE.MatchString(c.InstallationID):
		return fmt.Errorf("installation id %q: six hex digits are needed", c.InstallationID)
	case !filepath.IsAbs(c.StateDir) || !filepath.IsAbs(c.BundlesDir):
		return fmt.Errorf("state directory %q and bundles directory %q must be absolute paths", c.StateDir, c.BundlesDir)
	case c.Network == nil || c.Tree == nil:
		return errors.New("machines need a network and a tree")
	}
	if c.AgentBinary == "" {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("finding the agent's program: %w", err)
		}
		c.AgentBinary = self
	}
	if len(c.Init) == 0 {
		c.Init = []string{machine.AgentBinary, "agent"}
	}
	if c.Runtime == "" {
		c.Runtime = "runc"
	}
	if c.ReservedMemoryMB == 0 {
		c.ReservedMemoryMB = 1024
	}
	if c.CPUOvercommit == 0 {
		c.CPUOvercommit = 16
	}
	if c.StopGrace == 0 {
		c.StopGrace = 10 * time.Second
	}
	if c.userDataPause == 0 {
		c.userDataPause = userDataPause
	}
	if c.host == nil {
		c.host = &thisHost
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Close ends this process's work on the machines, and leaves them as they
// are. It waits for what is being done at the moment.
func (m *Manager) Close() {
	m.mu.Lock()
	m.closed = true
	for _, e := range m.entries {
		e.disarm()
	}
	m.mu.Unlock()
	m.cancel()
	m.workers.Wait()
}

// Where things lie.
func runDir(inst string) string              { return filepath.Join(runRoot, inst) }
func cgroupOf(inst string) string            { return "/hanok-" + inst }
func volumeName(inst string) string          { return "hanok-" + inst + ".img" }
func (m *Manager) machinesDir() string       { return filepath.Join(m.cfg.StateDir, "machines") }
func (m *Manager) agentDir() string          { return filepath.Join(m.cfg.StateDir, "agent") }
func (m *Manager) stateOf(id string) string  { return filepath.Join(m.machinesDir(), id) }
func (m *Manager) runOf(id string) string    { return filepath.Join(m.runDir, "machines", id) }
func (m *Manager) cgroupOf(id string) string { return cgroupOf(m.cfg.InstallationID) + "/" + id }
func (m *Manager) volumeOf(id string) string {
	return filepath.Join(m.stateOf(id), volumeName(m.cfg.InstallationID))
}
