package engine

import (
	"fmt"
	"sync"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/fake"
)

// TestHundredCallsAtOnce sends a hundred calls to ten clusters at the same
// time. Each is refused for a busy group or begins, and whatever began ends:
// the counts are those of the calls that won.
func TestHundredCallsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{
		Polls: 2, LoseRate: 0.02, Seed: 11, Capacity: infra.Capacity{VCPUs: 1000, MemoryMB: 1 << 20, DiskGB: 10000},
	})
	e, _ := w.start(t, nil)
	const clusters = 10
	var made [clusters]hanok.Cluster
	began := map[string]map[string]int{} // by cluster: count that a group was brought to
	for i := range made {
		made[i] = create(t, e, plan(fmt.Sprintf("c%d", i), 2))
	}
	for i := range made {
		made[i] = w.awaitStatus(t, made[i].UUID, hanok.CreateComplete)
		began[made[i].UUID] = map[string]int{hanok.DefaultWorkerGroup: 2}
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i, c := range made {
		_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
		for n := range 10 {
			wg.Go(func() {
				var err error
				group, count := hanok.DefaultWorkerGroup, 2
				switch {
				case n < 4: // four sizes for one group: one wins
					count = 1 + (i+n)%4
					_, err = e.Resize(t.Context(), c.UUID, &admission.ResizePlan{NodeCount: count})
				case n < 6:
					err = stop(t, e, c, nodes[n-4].UUID)
				case n < 8: // two of one name: one wins
					group, count = "added", n-5
					_, err = e.CreateNodeGroup(t.Context(), c.UUID, groupPlan(group, count))
				default:
					group, count = fmt.Sprintf("g%d", n), 1
					_, err = e.CreateNodeGroup(t.Context(), c.UUID, groupPlan(group, count))
				}
				mu.Lock()
				defer mu.Unlock()
				switch kind := hanok.KindOf(err); {
				case err == nil && (n < 4 || n >= 6):
					began[c.UUID][group] = count
				case err == nil, kind == hanok.KindConflict, kind == hanok.KindInvalid && n < 6:
				default:
					t.Errorf("call %d on %s: %v", n, c.Name, err)
				}
			})
		}
	}
	wg.Wait()
	for _, c := range made {
		eventually(t, "cluster "+c.Name+" is at rest", func() (bool, string) {
			now, _ := w.cluster(t, c.UUID)
			return !now.Status.InProgress(), fmt.Sprint(now.Status, w.events(t, c.UUID))
		})
		if now, _ := w.cluster(t, c.UUID); now.Status.Failed() {
			t.Errorf("%s is %s: %s", c.Name, now.Status, now.StatusReason)
		}
		groups, _ := w.state(t, c.UUID)
		if len(groups) != len(began[c.UUID]) {
			t.Errorf("%s has %d groups, want %v", c.Name, len(groups), began[c.UUID])
		}
		for _, g := range groups {
			// A resize may have won after another had ended; then the last one counts, which the event order alone knows.
			if want, ok := began[c.UUID][g.Name]; !ok || (g.Name != hanok.DefaultWorkerGroup && want != g.NodeCount) {
				t.Errorf("group %s of %s has %d nodes, want %d", g.Name, c.Name, g.NodeCount, want)
			}
		}
	}
	for _, c := range made {
		w.agree(t, c)
		remove(t, e, c.UUID)
	}
	for _, c := range made {
		w.awaitGone(t, c.UUID)
	}
	w.wantEmpty(t)
}
