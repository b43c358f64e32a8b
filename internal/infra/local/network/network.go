// Package network makes the networks of local machines.
//
// A VPC is a network namespace, its router, with a bridge for each subnet. A
// machine is a namespace of its own with an interface on its subnet's bridge.
// The host holds nothing of a VPC but one link to its router, so VPCs may use
// the same addresses. Endpoints, control-plane members and the links have
// addresses of the installation's own block of 198.18.0.0/19:
//
//	       host ── hk<inst>svc: service address (agents, DNS)
//	        │ hk<inst>v<n>: link, one per VPC
//	        │ up0
//	   router of the VPC ── lo: the endpoints' addresses, translated to members
//	    │ br0           │ br1: one bridge per subnet, with its gateway address
//	eth0│           eth0│
//	  worker      control-plane member (address of the block)
//
// What is to exist is written to disk before it is made; Restore makes what
// is missing.
package network

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"

	"github.com/hanok/hanok"
)

// Config says for which installation a Manager works.
type Config struct {
	// StateDir is the installation's state directory; the Manager keeps its
	// records in its subdirectory "network".
	StateDir string
	// InstallationID is six hex digits; every name made on the host carries it.
	InstallationID string
	// AgentPort is the TCP port of the agent listener on ServiceAddress.
	AgentPort int
	Log       *slog.Logger
	// ResolvConf names the host's nameservers; "" is /etc/resolv.conf.
	ResolvConf string

	// at is another site than this host, in tests.
	at *site
}

// Manager owns the networks of one installation. All its methods may be
// called at once, and again after a failure or a crash. Only one Manager may
// work for an installation at a time.
type Manager struct {
	cfg    Config
	log    *slog.Logger
	site   site
	names  names
	dir    string
	ledger *ledger

	service netip.Addr
	mtu     int
	vpcs    keyedMutex // one VPC's router and what is plugged into it
	nodes   keyedMutex // one machine's attachment

	host       sync.Mutex // the host's table, and what follows
	hostLoaded string     // rules that are in force
	nameserver netip.Addr
	dropping   []string // firewall chains that were warned of

	mu   sync.Mutex
	made map[string]madeRouter // by VPC
}

// Open claims the installation's addresses, the same ones at every start, and
// makes the host's side. Call Restore after it. It needs root and nft, and
// gives a hanok.KindUnavailable error when the addresses are not to be had.
func Open(ctx context.Context, cfg Config) (*Manager, error) {
	if !installationRE.MatchString(cfg.InstallationID) {
		return nil, hanok.Errorf(hanok.KindInvalid, "installation id %q: must be six hex digits", cfg.InstallationID)
	}
	if cfg.AgentPort < 1 || cfg.AgentPort > 65535 {
		return nil, hanok.Errorf(hanok.KindInvalid, "agent port %d: must be between 1 and 65535", cfg.AgentPort)
	}
	if cfg.ResolvConf == "" {
		cfg.ResolvConf = "/etc/resolv.conf"
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	m := &Manager{
		cfg:   cfg,
		log:   cfg.Log.With("component", "network"),
		site:  thisHost,
		names: names{cfg.InstallationID},
		dir:   filepath.Join(cfg.StateDir, "network"),
		made:  map[string]madeRouter{},
	}
	if cfg.at != nil {
		m.site = *cfg.at
	}
	var err error
	if m.ledger, err = openLedger(m.dir); err != nil {
		return nil, err
	}
	if err := m.openHost(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

// ServiceAddress is where machines reach the service: the agent listener and DNS.
func (m *Manager) ServiceAddress() netip.Addr { return m.service }
