package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra/fake"
)

// TestAPIServerAwayForLong: an operation fails whose API server does not come
// back in time to put things back; the group's next operation does.
func TestAPIServerAwayForLong(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		w := newWorldIn(t, memoryDir(t), fake.Options{})
		e, _ := w.start(t, func(c *Config) { c.Settings.HealthInterval = 0 })
		c := completed(t, w, e, 2)
		_, nodes := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
		kept := nodes[0]
		w.block(kept.Name, "shop/cart-0")
		if _, err := e.StopNodes(t.Context(), c.UUID, hanok.DefaultWorkerGroup, []string{kept.UUID}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the cordon", func() (bool, string) { return w.cordoned(kept.Name), "" })
		w.apiDown.Store(true)
		time.Sleep(e.cfg.Settings.DrainTimeout + apiLimit/2)
		if g, _ := w.group(t, c.UUID, hanok.DefaultWorkerGroup); !g.Status.InProgress() || !strings.Contains(w.events(t, c.UUID)[0], "things are put back") {
			t.Fatalf("while the API server may come back the group is %s, with %q", g.Status, w.events(t, c.UUID)[0])
		}
		time.Sleep(apiLimit)
		g, _ := w.group(t, c.UUID, hanok.DefaultWorkerGroup)
		if g.Status != hanok.UpdateFailed || !strings.Contains(g.StatusReason, "may be left unschedulable") {
			t.Fatalf("the group is %s: %s", g.Status, g.StatusReason)
		}

		w.apiDown.Store(false)
		if !w.cordoned(kept.Name) {
			t.Fatal("nothing is left to put in order")
		}
		if _, err := e.Resize(t.Context(), c.UUID, &admission.ResizePlan{Group: g.Name, NodeCount: 2}); err != nil {
			t.Fatal(err)
		}
		w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
		w.agree(t, c)
	})
}
