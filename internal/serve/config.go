// Package serve puts the service together from its configuration, and runs it.
package serve

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Config is everything that an operator may decide. A setting comes from its
// flag, else from its environment variable (HANOK_ and the flag's name in
// capitals, "-" as "_"), else from the configuration file (the flag's name,
// "-" as "_"), else from the default. See Load.
type Config struct {
	Listen            string // address of the API
	PublicURL         string // the API's address as clients see it; "" takes each request's Host
	TLSCert, TLSKey   string // PEM files
	InsecureClearText bool

	StateDir string // the installation: database, keys, machines' volumes
	CacheDir string // bundles and root trees, shared by installations

	AgentPort     int // of the listener that machines dial, on the installation's own address
	Region        string
	TokenLifetime time.Duration
	Workers       int // operations at once
	// UserScriptTimeout is how long each user script of a node may run.
	UserScriptTimeout time.Duration

	CPUOvercommit        float64 // vCPUs promised per CPU of the host
	ReservedMemoryMB     int     // memory of the host that machines do not get
	ControlPlaneVCPUs    int
	ControlPlaneMemoryMB int
	// EventRetention is how long the events of deleted clusters are kept.
	EventRetention time.Duration
	// DrainTimeout is how long a node's pods may take to leave it.
	DrainTimeout time.Duration

	RegistryMirrors []string // "docker.io=http://mirror:5000", rendered into nodes
	HTTPProxy       string   // for nodes' image pulls
	HTTPSProxy      string
	NoProxy         string

	LogFormat string // "text" or "json"
	LogLevel  string // "debug", "info", "warn" or "error"
	// ShutdownGrace bounds how long a stop waits for requests under way.
	ShutdownGrace time.Duration
}

// The places of an installation that is not told others.
const (
	DefaultListen   = "127.0.0.1:9511"
	DefaultStateDir = "/var/lib/hanok"
	DefaultCacheDir = "/var/cache/hanok"
)

// Register makes each setting a flag.
func (c *Config) Register(fs *pflag.FlagSet) {
	fs.StringVar(&c.Listen, "listen", DefaultListen, "address of the API")
	fs.StringVar(&c.PublicURL, "public-url", "", "the API's address as clients see it, for links and the service catalogue (default: each request's Host)")
	fs.StringVar(&c.TLSCert, "tls-cert", "", "PEM file with the API's certificate chain")
	fs.StringVar(&c.TLSKey, "tls-key", "", "PEM file with the certificate's key")
	fs.BoolVar(&c.InsecureClearText, "insecure-clear-text", false, "allow clear text on an address that other hosts reach")
	fs.StringVar(&c.StateDir, "state-dir", DefaultStateDir, "directory of this installation's state")
	fs.StringVar(&c.CacheDir, "cache-dir", DefaultCacheDir, "directory of bundles and root trees; installations share it")
	fs.IntVar(&c.AgentPort, "agent-port", 9512, "port that machines reach the service by, on the installation's own address")
	fs.StringVar(&c.Region, "region", "RegionOne", "name of the region in the service catalogue")
	fs.DurationVar(&c.TokenLifetime, "token-lifetime", 12*time.Hour, "how long tokens are valid")
	fs.IntVar(&c.Workers, "workers", 64, "operations that run at once")
	fs.DurationVar(&c.UserScriptTimeout, "user-script-timeout", 10*time.Minute, "how long each user script of a new node may run")
	fs.Float64Var(&c.CPUOvercommit, "cpu-overcommit", 16, "vCPUs promised to machines per CPU of this host")
	fs.IntVar(&c.ReservedMemoryMB, "reserved-memory-mb", 1024, "memory of this host, in MiB, that machines do not get")
	fs.IntVar(&c.ControlPlaneVCPUs, "control-plane-vcpus", 2, "vCPUs of a control-plane machine")
	fs.IntVar(&c.ControlPlaneMemoryMB, "control-plane-memory-mb", 1536, "memory of a control-plane machine, in MiB")
	fs.StringArrayVar(&c.RegistryMirrors, "registry-mirror", nil, "registry mirror for nodes, HOST=URL (repeatable; tried in order)")
	fs.StringVar(&c.HTTPProxy, "http-proxy", "", "HTTP proxy for nodes' image pulls")
	fs.StringVar(&c.HTTPSProxy, "https-proxy", "", "HTTPS proxy for nodes' image pulls")
	fs.StringVar(&c.NoProxy, "no-proxy", "", "hosts and ranges that nodes reach without a proxy, comma-separated")
	fs.StringVar(&c.LogFormat, "log-format", "text", "log format: text or json")
	fs.StringVar(&c.LogLevel, "log-level", "info", "log level: debug, info, warn or error")
	fs.DurationVar(&c.DrainTimeout, "drain-timeout", 5*time.Minute, "how long a node's pods may take to leave it before an operation gives up")
	fs.DurationVar(&c.EventRetention, "event-retention", 30*24*time.Hour, "how long the events of deleted clusters are kept (the newest 10000 at most)")
	fs.DurationVar(&c.ShutdownGrace, "shutdown-grace", 10*time.Second, "how long a stop waits for requests under way")
}

// Validate tells every rule that the configuration breaks, each with the
// setting's name.
func (c *Config) Validate() error {
	var errs []error
	bad := func(setting, format string, args ...any) {
		errs = append(errs, fmt.Errorf(setting+": "+format, args...))
	}
	if err := c.checkListen(); err != nil {
		errs = append(errs, err)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		bad("tls-cert, tls-key", "a certificate and its key go together: set both or none")
	}
	if c.PublicURL != "" {
		if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			bad("public-url", "%q is not an http:// or https:// address", c.PublicURL)
		}
	}
	for name, dir := range map[string]string{"state-dir": c.StateDir, "cache-dir": c.CacheDir} {
		if !strings.HasPrefix(dir, "/") {
			bad(name, "%q is not an absolute path", dir)
		}
	}
	for _, s := range []struct {
		name            string
		value, min, max int
	}{
		{"agent-port", c.AgentPort, 1, 65535},
		{"workers", c.Workers, 1, 256},
		{"control-plane-vcpus", c.ControlPlaneVCPUs, 1, 256},
		{"control-plane-memory-mb", c.ControlPlaneMemoryMB, 768, 1 << 20},
		{"reserved-memory-mb", c.ReservedMemoryMB, 0, 1 << 30},
	} {
		if s.value < s.min || s.value > s.max {
			bad(s.name, "%d is not within %d to %d", s.value, s.min, s.max)
		}
	}
	if c.CPUOvercommit < 1 {
		bad("cpu-overcommit", "%g is under 1: a vCPU would be more than a CPU", c.CPUOvercommit)
	}
	if c.TokenLifetime < time.Minute {
		bad("token-lifetime", "%s is under a minute: clients could not work with such tokens", c.TokenLifetime)
	}
	if c.UserScriptTimeout < time.Second {
		bad("user-script-timeout", "%s is under a second", c.UserScriptTimeout)
	}
	if c.DrainTimeout <= 0 {
		bad("drain-timeout", "%s is not a time that pods could leave in", c.DrainTimeout)
	}
	if c.EventRetention < time.Minute {
		bad("event-retention", "%s is under a minute: clients could not see how a delete ended", c.EventRetention)
	}
	if c.ShutdownGrace < 0 {
		bad("shutdown-grace", "%s is negative", c.ShutdownGrace)
	}
	if _, err := c.mirrors(); err != nil {
		errs = append(errs, err)
	}
	for name, proxy := range map[string]string{"http-proxy": c.HTTPProxy, "https-proxy": c.HTTPSProxy} {
		if u, err := url.Parse(proxy); proxy != "" && (err != nil || u.Host == "") {
			bad(name, "this is not a proxy's address, such as http://proxy:3128") // it may hold a password
		}
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		bad("log-format", "%q is neither text nor json", c.LogFormat)
	}
	if _, err := c.logLevel(); err != nil {
		bad("log-level", "%q is none of debug, info, warn and error", c.LogLevel)
	}
	return errors.Join(errs...)
}

// checkListen refuses to send passwords and tokens over a network in clear
// text unless that was asked for.
func (c *Config) checkListen() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %q is not HOST:PORT: %w", c.Listen, err)
	}
	if c.TLSCert != "" || c.InsecureClearText || host == "localhost" {
		return nil
	}
	if a, err := netip.ParseAddr(host); err == nil && a.IsLoopback() {
		return nil
	}
	return fmt.Errorf("listen: passwords and tokens would cross the network in clear text at %s: set tls-cert and tls-key, listen on 127.0.0.1, or say insecure-clear-text if something in front of it speaks TLS", c.Listen)
}

// mirrors reads the registry mirrors, by registry host, in order.
func (c *Config) mirrors() (map[string][]string, error) {
	m := map[string][]string{}
	for _, s := range c.RegistryMirrors {
		host, mirror, ok := strings.Cut(s, "=")
		u, err := url.Parse(mirror)
		if !ok || host == "" || err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, fmt.Errorf("registry-mirror: %q is not HOST=URL, such as docker.io=https://mirror.example:5000", s)
		}
		m[host] = append(m[host], mirror)
	}
	return m, nil
}
