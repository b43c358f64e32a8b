package engine

import (
	"context"
	"time"

	"github.com/hanok/hanok/internal/bundle"
	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
)

// Bundles gives the programs of a Kubernetes release (bundle.Cache).
type Bundles interface {
	// Verify checks every file; a second look at unchanged files is cheap.
	Verify(ctx context.Context, version string) (*bundle.Bundle, error)
	// Versions lists what is there.
	Versions() ([]string, error)
}

// Fleet is the service's side of the agents (internal/fleet).
type Fleet interface {
	// Prepare gives a machine's bootstrap token, the same one until it is used.
	Prepare(tx store.Tx, nodeKey, clusterUUID string) (token string, err error)
	// CA is the PEM that agents trust the service by.
	CA() []byte
	// Revoke makes a machine's token and certificate worthless.
	Revoke(tx store.Tx, nodeKey, clusterUUID string) error
	// Report gives a machine's last report and when it came.
	Report(nodeKey string) (machine.Report, time.Time, bool)
	// Wait returns nil as soon as a report fulfils the condition.
	Wait(ctx context.Context, nodeKey string, fulfilled func(machine.Report) bool) error
	// Changed makes the agents fetch their states anew, at once.
	Changed(nodeKeys ...string)
	// Forget drops what is known of a machine.
	Forget(nodeKey string)
}

// Kubernetes makes what a cluster is recognised by, and clients of it; the
// zero value of Config takes internal/kube.
type Kubernetes interface {
	// NewSecrets makes the authorities and keys of a new cluster, by the
	// names that they are kept under in the store.
	NewSecrets(clusterName string, now time.Time) (map[string][]byte, error)
	// Client speaks to a cluster's API through dial. It does not connect yet.
	Client(f kube.Facts, dial kube.Dial) (KubeClient, error)
}

// KubeClient speaks to the API of one cluster (kube.Client). Its methods may
// be called at once.
type KubeClient interface {
	Ready(ctx context.Context) error
	ApplyAddons(ctx context.Context, f kube.Facts, workers int) error
	WaitPodsWelcome(ctx context.Context) error
	Nodes(ctx context.Context) ([]kube.NodeState, error)
	WaitNodesReady(ctx context.Context, names []string) error
	DeleteNode(ctx context.Context, name string) error
	Cordon(ctx context.Context, name string) error
	Uncordon(ctx context.Context, name string) error
	// Drain evicts a node's pods and returns when they are gone; the error of
	// a context that ended is a *kube.DrainError that names what stays.
	Drain(ctx context.Context, name string, say func(string)) error
	// NodeMarks gives what users have put on a node's object, MarkNode puts it
	// on it as soon as it is registered.
	NodeMarks(ctx context.Context, name string) (kube.NodeMarks, error)
	MarkNode(ctx context.Context, name string, m kube.NodeMarks) error
	// DeletePodsOf forgets the pods of a node whose machine is gone or off.
	DeletePodsOf(ctx context.Context, name string) error
	// ScaleDNS sets the replicas of CoreDNS, unless a user did.
	ScaleDNS(ctx context.Context, replicas int) error
	// WaitDNS returns when a second replica of CoreDNS serves, if there is to
	// be one.
	WaitDNS(ctx context.Context) error
	Close()
}

var _ KubeClient = (*kube.Client)(nil)

// upstream is Kubernetes as internal/kube knows it.
type upstream struct{}

func (upstream) NewSecrets(clusterName string, now time.Time) (map[string][]byte, error) {
	return kube.NewSecrets(clusterName, now)
}

func (upstream) Client(f kube.Facts, dial kube.Dial) (KubeClient, error) {
	return kube.NewClient(f, dial)
}
