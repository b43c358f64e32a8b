// Package machine is the language between the service and the agent inside
// every machine: the bootstrap configuration, the desired state, the report,
// and the paths of the agent's API. Both sides import it and it imports
// nothing of either.
package machine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Paths of the agent API (HTTPS, JSON). All but Bootstrap need the machine's
// client certificate, and speak of that machine alone.
const (
	PathBootstrap   = "/agent/v1/bootstrap"    // POST BootstrapRequest → BootstrapResponse
	PathState       = "/agent/v1/state"        // GET ?version=V&wait=30s → State, or 204 when still V
	PathReport      = "/agent/v1/report"       // POST Report → 204
	PathCertificate = "/agent/v1/certificates" // POST CertificateRequest → CertificateResponse
	PathBlob        = "/agent/v1/blobs/"       // GET {sha256 hex} → bytes, ranges allowed
)

// Where things lie inside a machine. No path of the host appears anywhere.
const (
	ConfigPath  = "/etc/hanok/agent.json" // Config, written by the driver before the first boot
	StateDir    = "/var/lib/hanok"        // the agent's own disk: key, certificate, last state
	AgentBinary = "/opt/hanok/agent/hanok"
	BundlesDir  = "/opt/hanok/bundles" // {version}/…, read-only
)

// ServerName is the name in the service's certificate. Agents verify it
// instead of the address that they dial, so an installation may change its
// address without new certificates.
const ServerName = "agents.hanok.internal"

// Config is what a machine is born with (user data of a cloud server).
type Config struct {
	MachineKey string   `json:"machine_key"` // hanok's key of the machine
	Hostname   string   `json:"hostname"`
	ServiceURL string   `json:"service_url"` // https://198.18.0.1:9512
	ServiceCA  []byte   `json:"service_ca"`  // PEM
	Token      string   `json:"token"`       // one-time bootstrap token
	Nameserver []string `json:"nameservers,omitempty"`
}

// BootstrapRequest trades the token for a certificate. The token is bound to
// the first public key that it is used with: the same request may be sent
// again when its answer was lost.
type BootstrapRequest struct {
	MachineKey string `json:"machine_key"`
	Token      string `json:"token"`
	CSR        []byte `json:"csr"` // PEM; its subject is ignored
}

// BootstrapResponse carries the machine's client certificate.
type BootstrapResponse struct {
	Certificate []byte `json:"certificate"` // PEM
}

// State is the desired state of one machine. It is complete: what is not in
// it is not wanted. The agent keeps the last one on its disk and boots and
// repairs from it while the service is away.
type State struct {
	// Version is Hash of the rest; equal versions mean equal states.
	Version    string `json:"version"`
	MachineID  string `json:"machine_id"` // the machine's UUID (providerID, systemUUID)
	Hostname   string `json:"hostname"`
	LoginUser  string `json:"login_user,omitempty"`
	PublicKey  string `json:"public_key,omitempty"` // authorized_keys line for LoginUser
	Bundle     Bundle `json:"bundle"`
	Containerd bool   `json:"containerd"` // the machine runs pods: prepare containerd's directory, import images
	// Sysctls are set inside the machine's namespaces before processes start.
	Sysctls      map[string]string `json:"sysctls,omitempty"`
	Files        []File            `json:"files,omitempty"`
	Certificates []Certificate     `json:"certificates,omitempty"`
	Images       []Image           `json:"images,omitempty"`
	Processes    []Process         `json:"processes,omitempty"`
	// PodRoutes, on a control-plane member, keeps routes to the nodes' pod
	// subnets through the nodes' addresses.
	PodRoutes *PodRoutes `json:"pod_routes,omitempty"`
	// Scripts are the user's. They run as root, in this order, once in the
	// life of the machine: at its first boot. What a later state lists is not
	// run.
	Scripts []Script `json:"scripts,omitempty"`
	// AfterScripts names the processes that start when the scripts have ended.
	AfterScripts []string `json:"after_scripts,omitempty"`
}

// Script is a program of the user for the first boot of a machine. Its output
// goes to /var/log/<Name>.output and its exit code to /var/log/<Name>.exitcode.
// A script that fails holds nothing up: the report tells of it.
type Script struct {
	Name    string `json:"name"`
	Content []byte `json:"content"` // its first line begins with "#!"
	// Timeout in seconds, after which the script and what it started is
	// killed; 0 is DefaultScriptTimeout.
	Timeout int `json:"timeout,omitempty"`
}

// DefaultScriptTimeout is how long a script may run, in seconds.
const DefaultScriptTimeout = 600

// Exit codes that are not a script's own, as shells and timeout(1) have them.
// A script that a signal ended has 128 and the signal's number.
const (
	ScriptTimedOut    = 124
	ScriptNotRunnable = 126 // its first line names no program that runs
	ScriptInterrupted = 255 // the machine stopped, or the agent was replaced, while it ran
)

// ScriptReport tells how a script of the first boot is.
type ScriptReport struct {
	Name    string    `json:"name"`
	Started time.Time `json:"started"`
	// Ended is zero while the script runs.
	Ended    time.Time `json:"ended,omitzero"`
	ExitCode int       `json:"exit_code"`
	// Error says how it ended when that was not well: "exit status 3: <last
	// line of its output>".
	Error string `json:"error,omitempty"`
}

// Bundle names the Kubernetes release to run, by digest of its manifest. The
// agent looks for it in BundlesDir.
type Bundle struct {
	Version string `json:"version"`
	Digest  string `json:"digest"` // sha256 hex
}

// File is a file with given content. Secrets are 0600.
type File struct {
	Path    string `json:"path"`
	Mode    uint32 `json:"mode"`
	Content []byte `json:"content"`
}

// Certificate asks the agent to hold a key made on the machine and a
// certificate for it, signed by the cluster's CA. The service signs only what
// the machine's current state lists; the subject comes from here, never from
// the CSR. It is renewed when this description changes or a third of its life is left.
type Certificate struct {
	Name          string   `json:"name"`
	CertPath      string   `json:"cert_path"`
	KeyPath       string   `json:"key_path"`
	CA            string   `json:"ca"` // which of the cluster's CAs signs: CAKubernetes, CAEtcd, CAFrontProxy
	CommonName    string   `json:"common_name"`
	Organizations []string `json:"organizations,omitempty"`
	DNSNames      []string `json:"dns_names,omitempty"`
	IPs           []string `json:"ips,omitempty"`
	Client        bool     `json:"client,omitempty"`
	Server        bool     `json:"server,omitempty"`
}

// The cluster's authorities.
const (
	CAKubernetes = "kubernetes"
	CAFrontProxy = "front-proxy"
)

// CertificateRequest asks for certificates of the machine's state, several at
// once: a machine that boots needs all of its.
type CertificateRequest struct {
	CSRs []NamedCSR `json:"csrs"`
}

// NamedCSR asks for the certificate Name of the machine's state.
type NamedCSR struct {
	Name string `json:"name"`
	CSR  []byte `json:"csr"` // PEM
}

// CertificateResponse carries the signed certificates, in PEM, by name: all
// that were asked for.
type CertificateResponse struct {
	Certificates map[string][]byte `json:"certificates"`
}

// ErrorResponse is the body of every answer that is not a success.
type ErrorResponse struct {
	Error string `json:"error"`
}

// Image is a container image archive (OCI or docker layout, uncompressed
// tar) to import into containerd: a file of the bundle, or a blob of the
// service.
type Image struct {
	Refs       []string `json:"refs"`
	BundlePath string   `json:"bundle_path,omitempty"` // relative to the bundle's directory
	Blob       string   `json:"blob,omitempty"`        // sha256 hex
}

// Process is a long-running program. Processes start in the order of their
// After; one that ends is started again with a growing pause (100 ms to 10 s).
// A process whose description changed is stopped (SIGTERM, then SIGKILL after
// StopTimeout) and started anew.
type Process struct {
	Name string `json:"name"`
	// Argv[0] is looked up in the bundle (relative paths) or absolute.
	Argv []string `json:"argv"`
	Env  []string `json:"env,omitempty"`
	// After names processes that must be ready (see Ready) and files' and
	// certificates' presence is implied for all.
	After []string `json:"after,omitempty"`
	// WaitFor is probed, from the machine, before the first start.
	WaitFor *Probe `json:"wait_for,omitempty"`
	Ready   *Probe `json:"ready,omitempty"` // nil: ready when started
	// StopTimeout in seconds; 0 is 5.
	StopTimeout int `json:"stop_timeout,omitempty"`
	// Restart hashes files whose change must restart the process (paths in Files or Certificates).
	RestartOn []string `json:"restart_on,omitempty"`
}

// Probe asks whether something answers. Exactly one of the addresses is set.
type Probe struct {
	URL      string `json:"url,omitempty"`       // http(s); 200 is ready
	CAPath   string `json:"ca_path,omitempty"`   // for https
	CertPath string `json:"cert_path,omitempty"` // client certificate, optional
	KeyPath  string `json:"key_path,omitempty"`
	TCP      string `json:"tcp,omitempty"`  // host:port accepts
	Unix     string `json:"unix,omitempty"` // socket path accepts
	File     string `json:"file,omitempty"` // exists
}

// PodRoutes tells how to watch the cluster's nodes: list and watch
// /api/v1/nodes at Server and keep a route spec.podCIDR via InternalIP
// (onlink) on Interface for each.
type PodRoutes struct {
	Server    string `json:"server"`
	CAPath    string `json:"ca_path"`
	CertPath  string `json:"cert_path"`
	KeyPath   string `json:"key_path"`
	Interface string `json:"interface"`
	// PodCIDR is the cluster's pod network. A tenant may write any podCIDR
	// into a Node object: what lies outside gets no route. "" allows all.
	PodCIDR string `json:"pod_cidr,omitempty"`
}

// Hash gives the version of a state: the sha256, in hex, of everything but
// the version itself.
func (s State) Hash() string {
	s.Version = ""
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a State is plain data: it always marshals
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// ProcessState is the state of a supervised process.
type ProcessState string

// The process states.
const (
	ProcessWaiting ProcessState = "waiting" // for WaitFor, After or its backoff
	ProcessRunning ProcessState = "running" // started, not ready yet
	ProcessReady   ProcessState = "ready"
	ProcessStopped ProcessState = "stopped"
)

// ProcessReport tells how one process is.
type ProcessReport struct {
	Name     string       `json:"name"`
	State    ProcessState `json:"state"`
	PID      int          `json:"pid,omitempty"`
	Restarts int          `json:"restarts,omitempty"`
	LastExit string       `json:"last_exit,omitempty"` // "exit status 1: <last line of its log>"
	Since    time.Time    `json:"since"`
}

// Report is what is: sent whenever it changes, and every 20 s.
type Report struct {
	StateVersion string          `json:"state_version"` // the state that the agent last took up
	Applied      bool            `json:"applied"`       // files, certificates and images of it are in place
	Ready        bool            `json:"ready"`         // applied and every process ready
	Error        string          `json:"error,omitempty"`
	Processes    []ProcessReport `json:"processes"`
	Images       []string        `json:"images,omitempty"` // refs imported
	// Scripts are those of the first boot that have begun. ScriptsDone tells
	// that none is to run any more.
	Scripts      []ScriptReport `json:"scripts,omitempty"`
	ScriptsDone  bool           `json:"scripts_done,omitempty"`
	AgentVersion string         `json:"agent_version"`
	BootID       string         `json:"boot_id"` // new at each start of the machine
	// Marks are moments of the boot ("agent_start", "bootstrapped",
	// "applied", "process:<name>:started", "process:<name>:ready").
	Marks map[string]time.Time `json:"marks,omitempty"`
}
