package engine

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// Kinds of the documents that the engine keeps beside the records: what a
// cluster and a group were admitted with. The catalogue may change later; a
// cluster keeps what it was made from.
const (
	kindClusterSpec = "cluster-spec" // by cluster UUID
	kindGroupSpec   = "group-spec"   // by node group UUID
)

// ClusterSpec is what a cluster's machines are made and set up from.
type ClusterSpec struct {
	Network            infra.Network
	Subnet             infra.Subnet
	Public             bool // the endpoint is reachable from outside the VPC
	ControlPlaneFlavor infra.Flavor
	ControlPlaneImage  infra.Image
	ControlPlaneVolume infra.Volume
	Zone               string
	// EndpointID and Endpoint are set as soon as the driver reserved it.
	EndpointID string
	Endpoint   netip.AddrPort
	// Images are the archives that the user loaded, oldest first.
	Images []LoadedImage
}

// LoadedImage is an image archive kept in the blob directory.
type LoadedImage struct {
	Digest string // sha256 of the archive, hex
	Refs   []string
}

// GroupSpec is what the workers of a node group are made from.
type GroupSpec struct {
	Flavor     infra.Flavor
	Former     []infra.Flavor // those that nodes may still have, after a change
	Image      infra.Image
	Keypair    infra.Keypair
	BootVolume infra.Volume
	Zone       string
}

func readSpec[T any](tx store.Tx, kind, id string) (T, error) {
	var spec T
	doc, err := tx.Document(kind, id)
	if err != nil {
		return spec, err
	}
	if err := json.Unmarshal(doc.Body, &spec); err != nil {
		return spec, fmt.Errorf("read %s %s: %w", kind, id, err)
	}
	return spec, nil
}

func putSpec[T any](tx store.Tx, kind, id, project string, spec T) error {
	body, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("write %s %s: %w", kind, id, err)
	}
	return tx.PutDocument(store.Document{Kind: kind, ID: id, Project: project, Body: body})
}
