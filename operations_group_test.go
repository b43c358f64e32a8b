package hanok

import (
	"strings"
	"testing"
)

// TestAllowGroup reads the whole table: every operation in every status.
func TestAllowGroup(t *testing.T) {
	t.Parallel()
	const settled = "CREATE_COMPLETE UPDATE_COMPLETE UPDATE_FAILED"
	tests := map[GroupOperation]string{ // the statuses that allow it
		OpDeleteGroup:    settled + " CREATE_IN_PROGRESS CREATE_FAILED UPDATE_IN_PROGRESS DELETE_IN_PROGRESS DELETE_FAILED",
		OpResize:         settled,
		OpStopNodes:      settled,
		OpStartNodes:     settled,
		OpChangeFlavor:   settled,
		OpConfigureGroup: settled,
	}
	for op := range allowedGroup {
		want, ok := tests[op]
		if !ok {
			t.Errorf("operation %q has no line in this test", op)
			continue
		}
		for _, s := range statuses {
			err := AllowGroup(op, "added", s)
			if allowed := strings.Contains(" "+want+" ", " "+string(s)+" "); allowed != (err == nil) {
				t.Errorf("AllowGroup(%q, %s) = %v, want allowed %v", op, s, err, allowed)
			}
			if err == nil {
				continue
			}
			if KindOf(err) != KindConflict || !strings.Contains(err.Error(), string(s)) || !strings.Contains(err.Error(), "added") {
				t.Errorf("AllowGroup(%q, %s) = %v, want a conflict that names group and status", op, s, err)
			}
		}
	}
}
