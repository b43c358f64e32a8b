package hanok

import "strings"

// Status is a task status of a cluster or a node group, verb and state, as
// clients poll for it (facts of real clients: only these nine are expected).
type Status string

// The statuses.
const (
	CreateInProgress Status = "CREATE_IN_PROGRESS"
	CreateComplete   Status = "CREATE_COMPLETE"
	CreateFailed     Status = "CREATE_FAILED"
	UpdateInProgress Status = "UPDATE_IN_PROGRESS"
	UpdateComplete   Status = "UPDATE_COMPLETE"
	UpdateFailed     Status = "UPDATE_FAILED"
	DeleteInProgress Status = "DELETE_IN_PROGRESS"
	DeleteComplete   Status = "DELETE_COMPLETE"
	DeleteFailed     Status = "DELETE_FAILED"
)

// InProgress tells whether an operation is under way.
func (s Status) InProgress() bool { return strings.HasSuffix(string(s), "_IN_PROGRESS") }

// Failed tells whether the last operation failed.
func (s Status) Failed() bool { return strings.HasSuffix(string(s), "_FAILED") }

// HealthStatus is the health of a cluster as the guide has it.
type HealthStatus string

// The health statuses (Magnum's; the newer guide's examples say HEALTHY).
const (
	Healthy   HealthStatus = "HEALTHY"
	Unhealthy HealthStatus = "UNHEALTHY"
	Unknown   HealthStatus = "UNKNOWN"
)
