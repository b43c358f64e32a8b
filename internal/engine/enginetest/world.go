// Package enginetest drives random sequences of calls, valid and not, on the
// node groups of a cluster, with crashes and troubles in between, and compares
// what becomes of them with a model: what the API says is what machines exist
// is what Kubernetes has. The same sequences run on the engine over a cloud
// in memory and on a service with real machines.
package enginetest

import (
	"errors"
	"time"

	"pgregory.net/rapid"

	"github.com/hanok/hanok"
)

// ErrLost is the answer of a call whose service died before it could give
// one: what was asked for may have begun.
var ErrLost = errors.New("the service died before it answered")

// World is a cluster that sequences are driven on. It begins complete, with
// one group, the default one. Calls return when the operation has begun;
// their errors are of hanok's kinds, or ErrLost.
type World interface {
	CreateGroup(name string, nodes int) error
	DeleteGroup(name string) error
	Resize(group string, count int, remove []string) error
	StopNodes(group string, uuids []string) error
	StartNodes(group string, uuids []string) error
	ChangeFlavor(group, flavor string, buffers, parallel int) error
	DeleteCluster() error

	// State is what the API says.
	State() State
	// Differences tells where the API, the machines and Kubernetes disagree.
	Differences() []string
	// Remains lists what exists of the cluster once it is deleted.
	Remains() []string

	// Crash ends the service as kill -9 does. CrashSoon lets it end so at a
	// boundary between steps to come. Revive starts a service where none runs.
	Crash()
	CrashSoon(t *rapid.T)
	Revive()
	// KillMachine ends a node's machine from outside.
	KillMachine(uuid string)
	// Troubles are further ills, by name. Heal ends them all.
	Troubles() map[string]Trouble
	Heal()
	// Wait lets some time pass for the service to work in, more with each
	// wait in a row; the first is number 0.
	Wait(nth int)
}

// Bounds are what sequences keep to.
type Bounds struct {
	// NodeCount is the count of the default group when the world begins;
	// MaxNodeCount is the largest that a valid call asks for; MaxNodes is how
	// many there is room for in all groups together, buffer nodes included.
	NodeCount, MaxNodeCount, MaxNodes int
	// Flavors are two that nodes may change between.
	Flavors [2]string
	// BadCounts are node counts that are refused whatever the group.
	BadCounts []int
	// Patience is the time within which a cluster comes to rest.
	Patience time.Duration
}

// Trouble is something under which operations may fail.
type Trouble struct {
	Begin func(t *rapid.T)
	// Lasting is set where it may last longer than a failed operation waits
	// in order to put things back: they stay as they are until the group's
	// next operation.
	Lasting bool
}

// State is what the API says of a cluster.
type State struct {
	// Gone is set when there is no such cluster.
	Gone   bool
	Status hanok.Status
	Reason string
	Groups []Group
	Nodes  []Node // workers, of all groups
	// Events are the history, newest first, for messages; Unfinished counts
	// those that are in progress.
	Events     []string
	Unfinished int
}

// Group is a node group.
type Group struct {
	Name      string
	Status    hanok.Status
	Reason    string
	Flavor    string
	NodeCount int
}

// Node is a worker node with a machine.
type Node struct {
	UUID, Name, Group, Flavor string
	Status                    hanok.NodeStatus
}

// of gives the nodes of a group, and those of the others.
func (s State) of(group string) (own, foreign []Node) {
	for _, n := range s.Nodes {
		if n.Group == group {
			own = append(own, n)
		} else {
			foreign = append(foreign, n)
		}
	}
	return own, foreign
}

// group gives a group by its name.
func (s State) group(name string) (Group, bool) {
	for _, g := range s.Groups {
		if g.Name == name {
			return g, true
		}
	}
	return Group{}, false
}
