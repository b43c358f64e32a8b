package hanok

import (
	"encoding/json"
	"time"
)

// EventType names an operation (guide, "See the Supported Kubernetes
// Versions": supported_event_type).
type EventType string

// The event types.
const (
	ClusterCreate EventType = "CLUSTER_CREATE"
	ClusterDelete EventType = "CLUSTER_DELETE"

	NodeGroupCreate EventType = "NODEGROUP_CREATE"
	NodeGroupDelete EventType = "NODEGROUP_DELETE"
	ClusterResize   EventType = "CLUSTER_RESIZE" // of one group
	NodesStop       EventType = "NODEGROUP_NODE_ACTION_NODE_STOP"
	NodesStart      EventType = "NODEGROUP_NODE_ACTION_NODE_START"

	NodeGroupFlavor     EventType = "NODEGROUP_UPDATE_FLAVOR"
	NodeGroupUserScript EventType = "NODEGROUP_USERSCRIPT_UPDATE" // at once
)

// The types of resources that an event may be of.
const (
	ResourceCluster   = "cluster"
	ResourceNodeGroup = "nodegroup"
)

// EventState is the state of an operation.
type EventState string

// The event states (guide, "View Task History List").
const (
	EventInProgress EventState = "IN_PROGRESS"
	EventSuccess    EventState = "SUCCESS"
	EventFail       EventState = "FAIL"
)

// Event is an operation: what /events shows of it, and what the engine needs
// to carry it on after a crash.
type Event struct {
	ID           int64
	UUID         string
	ProjectID    string
	ClusterUUID  string
	ClusterName  string
	ResourceUUID string
	ResourceName string
	ResourceType string // ResourceCluster or ResourceNodeGroup
	Type         EventType
	State        EventState
	Contents     string // progress, or why it failed; "" is null on the wire
	CreatedAt    time.Time
	UpdatedAt    time.Time

	// Step is the name of the step under way; "" before the first.
	Step string
	// Epoch fences writers: each take-over raises it, and a write under an
	// older epoch is refused.
	Epoch int64
	// Deadline ends the operation as FAIL.
	Deadline time.Time
	// Input is what the operation was asked to do, in the engine's own form.
	Input json.RawMessage
}
