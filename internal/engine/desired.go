package engine

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
)

// Desired derives what every machine should be from what the store knows. It
// keeps nothing of its own, so a state can never disagree with the records.
// Its methods are what internal/fleet asks for; they may be called at once.
type Desired struct {
	Store   store.Store
	Bundles Bundles
	BlobDir string
	Region  string
	// Registry is how nodes reach image registries.
	Registry kube.Registry
	// ScriptTimeout is how long each user script may run; 0 takes the agent's default.
	ScriptTimeout time.Duration
	// RestrictedOOM: this host does not let oom_score_adj be lowered.
	RestrictedOOM bool
}

// Render gives the desired state of a node; KindUnavailable while its machine
// or the endpoint of its cluster is not known yet.
func (d Desired) Render(ctx context.Context, nodeKey string) (machine.State, error) {
	var (
		node  hanok.Node
		facts kube.Facts
		group hanok.NodeGroup
		spec  GroupSpec
		again registration
	)
	err := d.Store.View(ctx, func(tx store.Tx) error {
		var err error
		if node, err = tx.NodeByKey(nodeKey); err != nil {
			return err
		}
		if facts, err = d.facts(tx, node.ClusterUUID); err != nil {
			return err
		}
		if node.Role == hanok.RoleMaster {
			return nil
		}
		if group, err = tx.NodeGroup(node.ClusterUUID, node.NodeGroupUUID); err != nil {
			return err
		}
		if spec, err = readSpec[GroupSpec](tx, kindGroupSpec, group.UUID); err != nil {
			return err
		}
		again, err = readRegistration(tx, nodeKey)
		return err
	})
	if err != nil {
		return machine.State{}, err
	}
	address, err := netip.ParseAddr(node.Address)
	if err != nil || node.UUID == "" || !facts.Endpoint.IsValid() {
		return machine.State{}, hanok.Errorf(hanok.KindUnavailable, "machine %s is not known completely yet", node.Name)
	}
	if facts.Bundle, err = d.bundle(ctx, node.Version); err != nil {
		return machine.State{}, err
	}
	if node.Role == hanok.RoleMaster {
		return kube.ControlPlane(facts, kube.Member{MachineID: node.UUID, Name: node.Name, Address: address}), nil
	}
	podCIDR, err := netip.ParsePrefix(node.PodCIDR)
	if err != nil {
		return machine.State{}, fmt.Errorf("pod CIDR of %s: %w", node.Name, err)
	}
	return kube.WorkerNode(facts, kube.Worker{
		MachineID: node.UUID, Name: node.Name, Address: address, PodCIDR: podCIDR,
		GroupName: group.Name, FlavorName: spec.flavorOf(node).Name, Zone: spec.Zone,
		LoginUser: spec.Image.LoginUser, PublicKey: spec.Keypair.PublicKey,
		Scripts: scriptsOf(group, d.ScriptTimeout), Registration: again.Number,
	}), nil
}

// Sign signs one certificate of a node's state with its cluster's authority.
func (d Desired) Sign(ctx context.Context, nodeKey string, want machine.Certificate, csr *x509.CertificateRequest) ([]byte, error) {
	certName, keyName := kube.SecretCACert, kube.SecretCAKey
	if want.CA == machine.CAFrontProxy {
		certName, keyName = kube.SecretFrontProxyCert, kube.SecretFrontProxyKey
	}
	var cert, key []byte
	err := d.Store.View(ctx, func(tx store.Tx) error {
		node, err := tx.NodeByKey(nodeKey)
		if err != nil {
			return err
		}
		if cert, err = tx.Secret(node.ClusterUUID, certName); err != nil {
			return err
		}
		key, err = tx.Secret(node.ClusterUUID, keyName)
		return err
	})
	if err != nil {
		return nil, err
	}
	authority, err := kube.LoadAuthority(cert, key)
	if err != nil {
		return nil, err
	}
	return authority.Sign(want, csr, time.Now())
}

// Blob opens an image archive that was loaded into the node's cluster;
// KindNotFound for any other content.
func (d Desired) Blob(ctx context.Context, nodeKey, digest string) (io.ReadSeekCloser, error) {
	var spec ClusterSpec
	err := d.Store.View(ctx, func(tx store.Tx) error {
		node, err := tx.NodeByKey(nodeKey)
		if err != nil {
			return err
		}
		spec, err = readSpec[ClusterSpec](tx, kindClusterSpec, node.ClusterUUID)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, image := range spec.Images {
		if image.Digest != digest {
			continue
		}
		f, err := os.Open(filepath.Join(d.BlobDir, digest))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, hanok.NotFound("blob", digest)
		}
		return f, err
	}
	return nil, hanok.NotFound("blob", digest)
}

// Facts gives what is known of a cluster, its secrets among it; Endpoint is
// the zero value while none is reserved.
func (d Desired) Facts(ctx context.Context, clusterUUID string) (kube.Facts, error) {
	var facts kube.Facts
	err := d.Store.View(ctx, func(tx store.Tx) error {
		var err error
		facts, err = d.facts(tx, clusterUUID)
		return err
	})
	return facts, err
}

// factSecrets are the secrets that machines and clients are made from.
var factSecrets = []string{
	kube.SecretCACert, kube.SecretCAKey, kube.SecretFrontProxyCert,
	kube.SecretSAKey, kube.SecretSAPub, kube.SecretEncryptionKey,
}

func (d Desired) facts(tx store.Tx, clusterUUID string) (kube.Facts, error) {
	cluster, err := tx.Cluster(clusterUUID)
	if err != nil {
		return kube.Facts{}, err
	}
	spec, err := readSpec[ClusterSpec](tx, kindClusterSpec, clusterUUID)
	if err != nil {
		return kube.Facts{}, err
	}
	facts := kube.Facts{
		Name: cluster.Name, UUID: cluster.UUID, Endpoint: spec.Endpoint,
		ServiceCIDR: cluster.ServiceCIDR(), PodCIDR: cluster.PodCIDR(), PodSubnetSize: cluster.PodSubnetSize(),
		Region: d.Region, Registry: d.Registry, RestrictedOOM: d.RestrictedOOM,
		OutsideDNS: spec.Subnet.InternetGateway, Secrets: map[string][]byte{},
	}
	for _, name := range factSecrets {
		if facts.Secrets[name], err = tx.Secret(clusterUUID, name); err != nil {
			return kube.Facts{}, fmt.Errorf("cluster %s: %w", clusterUUID, err)
		}
	}
	for _, image := range spec.Images {
		facts.LoadedImages = append(facts.LoadedImages, machine.Image{Refs: image.Refs, Blob: image.Digest})
	}
	return facts, nil
}

func (d Desired) bundle(ctx context.Context, version string) (machine.Bundle, error) {
	b, err := d.Bundles.Verify(ctx, version)
	if err != nil {
		return machine.Bundle{}, err
	}
	return machine.Bundle{Version: b.Version, Digest: b.Digest}, nil
}
