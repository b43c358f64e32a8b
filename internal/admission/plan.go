// Package admission decides whether a request may become an operation. It
// checks a whole request against the guides' rules and the catalogue, changes
// nothing, and gives a plan that the engine can carry out.
package admission

import (
	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// ClusterPlan is an admitted request for a cluster: the records to keep and
// the catalogue's entries that they name, looked up under the caller's rights.
// UUIDs, StackIDs, statuses and times of the records are the engine's to fill
// in; everything that the user chose is set.
type ClusterPlan struct {
	Cluster    hanok.Cluster
	Group      hanok.NodeGroup // the default worker group
	Flavor     infra.Flavor
	Image      infra.Image
	Network    infra.Network
	Subnet     infra.Subnet
	Keypair    infra.Keypair
	BootVolume infra.Volume
	// Zone is the availability zone; "" leaves the choice to the driver.
	Zone string
}
