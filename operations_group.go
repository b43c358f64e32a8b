package hanok

// GroupOperation is something that a user may ask of a node group that exists.
// It locks the group: the cluster's other groups may be at work meanwhile.
type GroupOperation string

// The operations on groups.
const (
	OpDeleteGroup GroupOperation = "delete it"
	OpResize      GroupOperation = "resize it"
	OpStopNodes   GroupOperation = "stop its nodes"
	OpStartNodes  GroupOperation = "start its nodes"
	// OpChangeFlavor renews its nodes one after the other.
	OpChangeFlavor GroupOperation = "change its flavor"
	// OpConfigureGroup changes what the group is, not its machines.
	OpConfigureGroup GroupOperation = "change it"
)

// allowedGroup is status × operation for groups, as allowed is for clusters.
var allowedGroup = map[GroupOperation]map[Status]bool{
	OpDeleteGroup: {
		CreateInProgress: true, CreateComplete: true, CreateFailed: true,
		UpdateInProgress: true, UpdateComplete: true, UpdateFailed: true,
		DeleteInProgress: true, DeleteFailed: true,
	},
	OpResize:         settled,
	OpStopNodes:      settled,
	OpStartNodes:     settled,
	OpChangeFlavor:   settled,
	OpConfigureGroup: settled,
}

var settled = map[Status]bool{CreateComplete: true, UpdateComplete: true, UpdateFailed: true}

// AllowGroup tells whether a group in this status takes the operation: nil,
// or a KindConflict error that says what to wait for or to do.
func AllowGroup(op GroupOperation, name string, s Status) error {
	if allowedGroup[op][s] {
		return nil
	}
	var next string
	switch {
	case s == DeleteInProgress, s == DeleteComplete:
		next = "it is being deleted"
	case s.InProgress():
		next = "an operation on it is running: wait until it ends"
	default:
		next = "delete it: nothing else is possible after " + string(s)
	}
	return Errorf(KindConflict, "node group %s is %s, cannot %s: %s", name, s, op, next)
}
