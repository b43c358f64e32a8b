package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/lease"
	"github.com/flannel-io/flannel/pkg/subnet"
	log "k8s.io/klog/v2"
)

// manager is flannel's subnet manager over Kubernetes nodes: a node's lease is
// its podCIDR, its attributes are its annotations. Unlike flannel's own it
// reacts to a change at once (that one looks every one to three seconds, which
// a starting cluster feels) and knows no API type but Node.
//
// Methods may be called at once.
type manager struct {
	api      *apiClient
	nodeName string
	config   *subnet.Config

	mu      sync.Mutex
	own     node
	leases  map[string]lease.Lease // by node name
	pending []lease.Event          // not yet handed to WatchLeases
	reset   bool                   // pending is void: hand out all leases
	changed chan struct{}          // closed and replaced at every change
}

var _ subnet.Manager = (*manager)(nil)

func newManager(api *apiClient, nodeName string, config *subnet.Config) *manager {
	return &manager{
		api: api, nodeName: nodeName, config: config,
		leases: map[string]lease.Lease{}, changed: make(chan struct{}),
	}
}

// run follows the cluster's nodes until ctx is done.
func (m *manager) run(ctx context.Context) { m.api.follow(ctx, m.nodesReplaced, m.nodeChanged) }

func (m *manager) nodesReplaced(nodes []node) {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.leases)
	m.own = node{}
	for _, n := range nodes {
		if n.Metadata.Name == m.nodeName {
			m.own = n
		}
		if l, ok := leaseOf(n); ok {
			m.leases[n.Metadata.Name] = l
		}
	}
	m.pending, m.reset = nil, true
	m.wake()
}

func (m *manager) nodeChanged(n node, deleted bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n.Metadata.Name == m.nodeName {
		m.own = n
		if deleted {
			m.own = node{}
		}
		m.wake()
	}
	was, had := m.leases[n.Metadata.Name]
	is, has := leaseOf(n)
	has = has && !deleted
	if had == has && (!has || sameLease(was, is)) {
		return
	}
	// A peer that came back with another MAC or address is removed first, so
	// that its old forwarding entries do not stay behind.
	if had {
		delete(m.leases, n.Metadata.Name)
		m.pending = append(m.pending, lease.Event{Type: lease.EventRemoved, Lease: was})
	}
	if has {
		m.leases[n.Metadata.Name] = is
		m.pending = append(m.pending, lease.Event{Type: lease.EventAdded, Lease: is})
	}
	m.wake()
}

// wake must be called with the lock held.
func (m *manager) wake() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// waitOwn returns this node once it satisfies ready.
func (m *manager) waitOwn(ctx context.Context, ready func(node) bool) (node, error) {
	for {
		m.mu.Lock()
		own, changed := m.own, m.changed
		m.mu.Unlock()
		if own.Metadata.Name != "" && ready(own) {
			return own, nil
		}
		select {
		case <-ctx.Done():
			return node{}, ctx.Err()
		case <-changed:
		}
	}
}

// AcquireLease publishes attrs on this node once it has a pod CIDR, and
// returns that CIDR as the lease. It waits until then, or until ctx is done.
func (m *manager) AcquireLease(ctx context.Context, attrs *lease.LeaseAttrs) (*lease.Lease, error) {
	own, err := m.waitOwn(ctx, func(n node) bool { return n.Spec.PodCIDR != "" })
	if err != nil {
		return nil, err
	}
	sub, err := parseSubnet(own.Spec.PodCIDR)
	if err != nil {
		return nil, err
	}
	if !m.config.Network.Contains(sub.IP) {
		return nil, fmt.Errorf("the pod CIDR %s of node %s lies outside flannel's network %s: give both the same range",
			sub, m.nodeName, m.config.Network)
	}
	if err := m.publish(ctx, attrs); err != nil {
		return nil, err
	}
	return &lease.Lease{EnableIPv4: true, Subnet: sub, Attrs: *attrs, Expiration: time.Now().Add(24 * time.Hour)}, nil
}

// publish writes attrs into this node's annotations, again and again until it
// is done.
func (m *manager) publish(ctx context.Context, attrs *lease.LeaseAttrs) error {
	patch := map[string]any{"metadata": map[string]any{"annotations": map[string]string{
		annotationManaged:  "true",
		annotationType:     attrs.BackendType,
		annotationData:     string(attrs.BackendData),
		annotationPublicIP: attrs.PublicIP.String(),
	}}}
	for trouble := newTrouble(); ; wait(ctx, trouble.pause()) {
		err := m.api.patchStatus(ctx, m.nodeName, patch)
		if err == nil || ctx.Err() != nil {
			return err
		}
		log.Warningf("Annotating node %s: %v; trying again", m.nodeName, err)
	}
}

// WatchLeases hands out all leases, then every change, until ctx is done.
func (m *manager) WatchLeases(ctx context.Context, receiver chan []lease.LeaseWatchResult) error {
	defer close(receiver)
	first := true
	for {
		m.mu.Lock()
		changed := m.changed
		var result lease.LeaseWatchResult
		if m.reset || first {
			for _, l := range m.leases {
				result.Snapshot = append(result.Snapshot, l)
			}
		} else {
			result.Events = m.pending
		}
		send := m.reset || first || len(m.pending) > 0
		m.pending, m.reset, first = nil, false, false
		m.mu.Unlock()
		if send {
			select {
			case receiver <- []lease.LeaseWatchResult{result}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errMoved says that this node was given another pod CIDR. The devices and
// pods of the old one cannot follow: the daemon starts again.
var errMoved = errors.New("this node's pod CIDR changed")

// keepLease returns only when ctx is done or the node was given another pod
// CIDR. Where the Node object was deleted and registered anew, it publishes
// the lease again.
func (m *manager) keepLease(ctx context.Context, l *lease.Lease) error {
	for {
		own, err := m.waitOwn(ctx, func(n node) bool {
			published, ok := leaseOf(n)
			return n.Spec.PodCIDR != "" && (!ok || !sameLease(published, *l))
		})
		if err != nil {
			return err
		}
		if sub, err := parseSubnet(own.Spec.PodCIDR); err != nil || !sub.Equal(l.Subnet) {
			return fmt.Errorf("%w: from %s to %s", errMoved, l.Subnet, own.Spec.PodCIDR)
		}
		// The watch tells of our own writing a moment later: without the
		// pause it would be written many times.
		wait(ctx, time.Second)
		published, ok := leaseOf(m.currentOwn())
		if ok && sameLease(published, *l) {
			continue
		}
		if err := m.publish(ctx, &l.Attrs); err != nil {
			return err
		}
	}
}

func (m *manager) currentOwn() node {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.own
}

// CompleteLease tells Kubernetes that this node's network works.
func (m *manager) CompleteLease(ctx context.Context, _ *lease.Lease, _ *sync.WaitGroup) error {
	now := time.Now().UTC().Format(time.RFC3339)
	return m.api.patchStatus(ctx, m.nodeName, map[string]any{"status": map[string]any{"conditions": []map[string]string{{
		"type": "NetworkUnavailable", "status": "False",
		"reason": "FlannelIsUp", "message": "Flannel is running on this node",
		"lastTransitionTime": now, "lastHeartbeatTime": now,
	}}}})
}

// GetNetworkConfig returns the configuration that the daemon was started with.
func (m *manager) GetNetworkConfig(context.Context) (*subnet.Config, error) { return m.config, nil }

// HandleSubnetFile writes the file that the CNI plugin reads.
func (m *manager) HandleSubnetFile(path string, config *subnet.Config, ipMasq bool, sn ip.IP4Net, sn6 ip.IP6Net, mtu int) error {
	return subnet.WriteSubnetFile(path, config, ipMasq, sn, sn6, mtu)
}

// GetStoredMacAddresses returns the MAC address of this node's VXLAN device
// before a restart, so that its peers need not learn another.
func (m *manager) GetStoredMacAddresses(context.Context) (v4, v6 string) {
	var data struct{ VtepMAC string }
	if json.Unmarshal([]byte(m.currentOwn().Metadata.Annotations[annotationData]), &data) != nil {
		return "", ""
	}
	return strings.ToLower(data.VtepMAC), ""
}

// GetStoredPublicIP returns nothing: the flags decide.
func (m *manager) GetStoredPublicIP(context.Context) (v4, v6 string) { return "", "" }

// RenewLease does nothing: a lease lasts as long as its node.
func (m *manager) RenewLease(context.Context, *lease.Lease) error { return nil }

// WatchLease is used by no backend that is linked in.
func (m *manager) WatchLease(context.Context, ip.IP4Net, ip.IP6Net, chan []lease.LeaseWatchResult) error {
	return errors.New("watching one lease is not supported")
}

// Name says what manages the leases.
func (m *manager) Name() string { return "Kubernetes nodes, as " + m.nodeName }
