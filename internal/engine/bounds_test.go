package engine

import (
	"strings"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/quota"
)

// TestSetBounds: bounds hold the nodes that there are, and a quota bounds
// nothing but a maximum that becomes larger.
func TestSetBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 3)
	at := func(n int) *int { return &n }
	for _, tt := range []struct {
		min, max *int
		limit    int // the quota that is set before; 0: as it was
		refused  string
		kind     hanok.Kind
	}{
		{at(3), at(3), 0, "", 0},
		{at(4), nil, 0, "/min_node_count: 4 is more than the 3 nodes", hanok.KindInvalid},
		{nil, at(2), 0, "/max_node_count: 2 is less than the 3 nodes", hanok.KindInvalid},
		{nil, at(11), 0, "/max_node_count: 11 is out of bounds; it must be 1 to 10", hanok.KindInvalid},
		{at(0), at(10), 0, "", 0},
		{nil, at(7), 2, "", 0},
		{nil, at(8), 0, "/max_node_count: 8 nodes are more than the project's quota of 2", hanok.KindForbidden},
		{at(2), nil, 0, "", 0},
		{nil, at(20), 20, "", 0},
	} {
		w.setQuota(t, c.ProjectID, quota.Node, tt.limit)
		before, _ := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
		_, err := e.SetBounds(t.Context(), c.UUID, hanok.DefaultWorkerGroup, &admission.BoundsPlan{Min: tt.min, Max: tt.max})
		after, _ := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
		if tt.refused != "" {
			if err == nil || hanok.KindOf(err) != tt.kind || !strings.HasPrefix(err.Error(), tt.refused) {
				t.Errorf("%v, want %q", err, tt.refused)
			}
			if after.MinNodeCount != before.MinNodeCount || *after.MaxNodeCount != *before.MaxNodeCount {
				t.Errorf("a refused request left %d to %d", after.MinNodeCount, *after.MaxNodeCount)
			}
			continue
		}
		if err != nil || tt.min != nil && after.MinNodeCount != *tt.min || tt.max != nil && *after.MaxNodeCount != *tt.max {
			t.Errorf("the bounds are %d to %d, %v", after.MinNodeCount, *after.MaxNodeCount, err)
		}
	}
}
