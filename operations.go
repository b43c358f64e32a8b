package hanok

// Operation is something that a user may ask of a cluster that exists.
type Operation string

// The operations.
const (
	OpDelete Operation = "delete"
	// OpChangeGroups makes, changes or deletes a node group.
	OpChangeGroups Operation = "change its node groups"
	OpLoadImage    Operation = "load an image"
	OpKubeconfig   Operation = "give its kubeconfig"
	OpSign         Operation = "sign a certificate"
)

// allowed is status × operation: which operation a cluster takes in which
// status. A status that an operation does not list refuses it. Deletion wins
// over everything; after a failed create nothing else is left to do; after a
// failed update everything is allowed again.
var allowed = map[Operation]map[Status]bool{
	OpDelete: {
		CreateInProgress: true, CreateComplete: true, CreateFailed: true,
		UpdateInProgress: true, UpdateComplete: true, UpdateFailed: true,
		DeleteInProgress: true, DeleteFailed: true,
	},
	OpChangeGroups: {
		CreateComplete:   true,
		UpdateInProgress: true, UpdateComplete: true, UpdateFailed: true,
	},
	OpLoadImage: {
		CreateComplete:   true,
		UpdateInProgress: true, UpdateComplete: true, UpdateFailed: true,
	},
	OpKubeconfig: {
		CreateInProgress: true, CreateComplete: true,
		UpdateInProgress: true, UpdateComplete: true, UpdateFailed: true,
	},
	OpSign: {
		CreateInProgress: true, CreateComplete: true,
		UpdateInProgress: true, UpdateComplete: true, UpdateFailed: true,
	},
}

// Allow tells whether a cluster in this status takes the operation: nil, or a
// KindConflict error that says what to wait for or to do.
func Allow(op Operation, s Status) error {
	if allowed[op][s] {
		return nil
	}
	var next string
	switch {
	case s == DeleteInProgress, s == DeleteComplete:
		next = "it is being deleted"
	case s.InProgress():
		next = "an operation is running: wait until it ends"
	case s == CreateFailed, s == DeleteFailed:
		next = "delete it: nothing else is possible after " + string(s)
	default:
		next = "it does not take that in this status"
	}
	return Errorf(KindConflict, "cannot %s while the cluster is %s: %s", op, s, next)
}
