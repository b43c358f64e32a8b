// Command flanneld joins a node to its cluster's pod network: it is flannel's
// VXLAN backend and nftables rules under a subnet manager of our own. It runs
// in the foreground, waits for the API server, for the node and for the
// node's pod CIDR, and then writes the subnet file that the CNI plugin reads.
//
// It is a program of its own rather than one more component of the release's
// program: the package initialisers of all components take 18 MB of private
// memory in every process, this whole daemon takes less than half of that.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/flannel-io/flannel/pkg/backend"
	_ "github.com/flannel-io/flannel/pkg/backend/vxlan"
	"github.com/flannel-io/flannel/pkg/ipmatch"
	"github.com/flannel-io/flannel/pkg/subnet"
	"github.com/flannel-io/flannel/pkg/trafficmngr/nftables"
	log "k8s.io/klog/v2"

	"github.com/hanok/hanok/kubernetes/settle"
)

type options struct {
	kubeconfig, nodeName  string
	iface, publicIP       string
	netConfig, subnetFile string
	podCIDR               string
	masquerade            bool
}

func main() {
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig of an identity that may list and watch nodes and patch this node's status; waited for where it does not exist yet")
	flag.StringVar(&o.nodeName, "node-name", "", "name of this node (default: the host name)")
	flag.StringVar(&o.iface, "iface", "", "interface, or an address on it, that reaches the other nodes (default: the one that holds --public-ip, or that of the default route)")
	flag.StringVar(&o.publicIP, "public-ip", "", "address at which the other nodes reach this one (default: the interface's)")
	flag.StringVar(&o.netConfig, "net-config-path", "/etc/kube-flannel/net-conf.json", "file with flannel's network configuration")
	flag.StringVar(&o.subnetFile, "subnet-file", "/run/flannel/subnet.env", "file that is written for the CNI plugin")
	flag.StringVar(&o.podCIDR, "pod-cidr", "", "pod CIDR to give this node when it has none (default: wait until somebody does)")
	flag.BoolVar(&o.masquerade, "ip-masq", true, "masquerade what pods send out of the cluster")
	log.InitFlags(nil)
	flag.Parse()
	settle.Soon()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil && !errors.Is(err, context.Canceled) {
		log.Errorf("flanneld: %v", err)
		log.Flush()
		os.Exit(1)
	}
}

// run returns when ctx is done or when only a new start can help. It leaves
// devices and rules in place: pods go on while the daemon is away.
func run(ctx context.Context, o options) error {
	ctx, cancel := context.WithCancel(ctx)
	var backends sync.WaitGroup
	defer backends.Wait()
	defer cancel()

	config, err := readNetConfig(o.netConfig)
	if err != nil {
		return err
	}
	if o.nodeName == "" {
		if o.nodeName, err = os.Hostname(); err != nil {
			return err
		}
	}
	external, err := findInterface(o)
	if err != nil {
		return err
	}
	api, err := waitKubeconfig(ctx, o.kubeconfig)
	if err != nil {
		return err
	}

	m := newManager(api, o.nodeName, config)
	backends.Go(func() { m.run(ctx) })
	if o.podCIDR != "" {
		backends.Go(func() { m.claimPodCIDR(ctx, o.podCIDR) })
	}
	// The backend asks for the MAC address of before as it begins, so this
	// node must be known by then.
	if _, err := m.waitOwn(ctx, func(n node) bool { return n.Spec.PodCIDR != "" }); err != nil {
		return err
	}
	be, err := backend.NewManager(ctx, m, external).GetBackend(config.BackendType)
	if err != nil {
		return fmt.Errorf("flannel's backend %q: %w; this program has vxlan only", config.BackendType, err)
	}
	network, err := be.RegisterNetwork(ctx, &backends, config)
	if err != nil {
		return fmt.Errorf("making the VXLAN device: %w", err)
	}
	own := network.Lease()
	backends.Go(func() { network.Run(ctx) })
	if err := m.HandleSubnetFile(o.subnetFile, config, o.masquerade, own.Subnet, own.IPv6Subnet, network.MTU()); err != nil {
		return fmt.Errorf("writing the subnet file: %w", err)
	}
	log.Infof("Wrote %s: subnet %s of %s, MTU %d", o.subnetFile, own.Subnet, config.Network, network.MTU())

	rules := &nftables.NFTablesManager{}
	if err := rules.Init(ctx); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	rules.SetupAndEnsureForwardRules(ctx, config.Network, config.IPv6Network, 0)
	if o.masquerade {
		if err := rules.SetupAndEnsureMasqRules(ctx, config.Network, own.Subnet, config.Network,
			config.IPv6Network, own.IPv6Subnet, config.IPv6Network, own, 0, false); err != nil {
			return fmt.Errorf("masquerading: %w", err)
		}
	}
	if err := m.CompleteLease(ctx, own, nil); err != nil {
		log.Warningf("Telling Kubernetes that the network works: %v", err)
	}
	return m.keepLease(ctx, own)
}

func readNetConfig(path string) (*subnet.Config, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading flannel's network configuration: %w", err)
	}
	config, err := subnet.ParseConfig(string(raw))
	if err != nil {
		return nil, fmt.Errorf("%s is no network configuration of flannel: %w", path, err)
	}
	if !config.EnableIPv4 || config.Network.Empty() || config.EnableIPv6 {
		return nil, fmt.Errorf("%s: flannel serves IPv4 here, so \"Network\" must be an IPv4 network and IPv6 stay off", path)
	}
	return config, nil
}

func findInterface(o options) (*backend.ExternalInterface, error) {
	stack, err := ipmatch.GetIPFamily(true, false)
	if err != nil {
		return nil, err
	}
	name := o.iface
	if name == "" {
		name = o.publicIP
	}
	external, err := ipmatch.LookupExtIface(name, "", "", stack, ipmatch.PublicIPOpts{PublicIP: o.publicIP})
	if err != nil {
		return nil, fmt.Errorf("no interface reaches the other nodes: %w", err)
	}
	return external, nil
}

// waitKubeconfig waits for the file to exist: on a new node it is written
// while this daemon already runs.
func waitKubeconfig(ctx context.Context, path string) (*apiClient, error) {
	for said := false; ; {
		api, err := newAPIClient(path)
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return api, err
		}
		if !said {
			log.Infof("Waiting for %s", path)
			said = true
		}
		wait(ctx, 50*time.Millisecond)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}
