package engine

import (
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/fake"
)

func groupPlan(name string, nodes int) *admission.GroupPlan {
	return &admission.GroupPlan{
		Group:  hanok.NodeGroup{Name: name, Role: hanok.RoleWorker, FlavorID: "f1", ImageID: "i1", NodeCount: nodes},
		Flavor: infra.Flavor{ID: "f1", Name: "m2.c2m4", VCPUs: 2, MemoryMB: 4096}, Image: infra.Image{ID: "i1", LoginUser: "debian"},
		BootVolume: infra.Volume{Type: "General HDD", SizeGB: 20},
	}
}

// TestCreateNodeGroup makes two groups at once, as Terraform does.
func TestCreateNodeGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{Polls: 2, LoseRate: 0.05, Seed: 3})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 1)
	g, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan("added", 2))
	if err != nil {
		t.Fatal(err)
	}
	if g.Status != hanok.CreateInProgress || g.Version != c.Version || g.Keypair != c.Keypair || g.NodeCount != 2 {
		t.Errorf("CreateNodeGroup gives %+v", g)
	}
	if now, _ := w.cluster(t, c.UUID); now.Status != hanok.UpdateInProgress {
		t.Errorf("the cluster is %s meanwhile", now.Status)
	}
	if _, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan("other", 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := e.CreateNodeGroup(t.Context(), c.UUID, groupPlan("added", 1)); hanok.KindOf(err) != hanok.KindConflict {
		t.Errorf("a second group of the name: %v", err)
	}
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
	w.agree(t, c)
	if now, _ := w.cluster(t, c.UUID); now.HealthStatus != hanok.Healthy || len(now.HealthReason) != 5 {
		t.Errorf("right after, the health is %s %v", now.HealthStatus, now.HealthReason)
	}
	if g, nodes := w.group(t, c.UUID, "added"); g.Status != hanok.CreateComplete || len(nodes) != 2 {
		t.Errorf("group %s with %d nodes", g.Status, len(nodes))
	}
}
