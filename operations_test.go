package hanok

import (
	"errors"
	"strings"
	"testing"
)

var statuses = []Status{
	CreateInProgress, CreateComplete, CreateFailed,
	UpdateInProgress, UpdateComplete, UpdateFailed,
	DeleteInProgress, DeleteComplete, DeleteFailed,
}

// TestAllow reads the whole table: every operation in every status.
func TestAllow(t *testing.T) {
	t.Parallel()
	tests := map[Operation]string{ // the statuses that allow it
		OpDelete:       "CREATE_IN_PROGRESS CREATE_COMPLETE CREATE_FAILED UPDATE_IN_PROGRESS UPDATE_COMPLETE UPDATE_FAILED DELETE_IN_PROGRESS DELETE_FAILED",
		OpChangeGroups: "CREATE_COMPLETE UPDATE_IN_PROGRESS UPDATE_COMPLETE UPDATE_FAILED",
		OpLoadImage:    "CREATE_COMPLETE UPDATE_IN_PROGRESS UPDATE_COMPLETE UPDATE_FAILED",
		OpSign:         "CREATE_IN_PROGRESS CREATE_COMPLETE UPDATE_IN_PROGRESS UPDATE_COMPLETE UPDATE_FAILED",
		OpKubeconfig:   "CREATE_IN_PROGRESS CREATE_COMPLETE UPDATE_IN_PROGRESS UPDATE_COMPLETE UPDATE_FAILED",
	}
	for op := range allowed {
		want, ok := tests[op]
		if !ok {
			t.Errorf("operation %q has no line in this test", op)
			continue
		}
		for _, s := range statuses {
			err := Allow(op, s)
			if allowed := strings.Contains(" "+want+" ", " "+string(s)+" "); allowed != (err == nil) {
				t.Errorf("Allow(%q, %s) = %v, want allowed %v", op, s, err, allowed)
			}
			if err == nil {
				continue
			}
			if KindOf(err) != KindConflict || !strings.Contains(err.Error(), string(s)) {
				t.Errorf("Allow(%q, %s) = %v, want a conflict that names the status", op, s, err)
			}
		}
	}
	if err := Allow("unheard", CreateComplete); !errors.As(err, new(*Error)) {
		t.Errorf("an unknown operation is allowed: %v", err)
	}
}
