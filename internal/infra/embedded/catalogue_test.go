package embedded

import (
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

func putCluster(t *testing.T, f *fixture, c hanok.Cluster) {
	t.Helper()
	if err := f.store.Update(t.Context(), func(tx store.Tx) error { return tx.PutCluster(c) }); err != nil {
		t.Fatal(err)
	}
}

func deleteCluster(t *testing.T, f *fixture, uuid string) {
	t.Helper()
	if err := f.store.Update(t.Context(), func(tx store.Tx) error { return tx.DeleteCluster(uuid) }); err != nil {
		t.Fatal(err)
	}
}

func TestLookups(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	ctx, p := t.Context(), f.token.ProjectID
	flavors := must[[]infra.Flavor](t)(f.catalogue.Flavors(ctx, p))
	for i, v := range flavors {
		if i > 0 && v.VCPUs < flavors[i-1].VCPUs {
			t.Errorf("flavor %s stands after the larger %s", v.Name, flavors[i-1].Name)
		}
		if got, err := f.catalogue.Flavor(ctx, p, v.ID); err != nil || got != v {
			t.Errorf("Flavor(%s) = %+v, %v, want %+v", v.ID, got, err, v)
		}
	}
	for _, v := range must[[]infra.Image](t)(f.catalogue.Images(ctx, p)) {
		if got, err := f.catalogue.Image(ctx, p, v.ID); err != nil || got != v {
			t.Errorf("Image(%s) = %+v, %v, want %+v", v.ID, got, err, v)
		}
	}
	for _, v := range must[[]infra.Network](t)(f.catalogue.Networks(ctx, p)) {
		if got, err := f.catalogue.Network(ctx, p, v.ID); err != nil || got != v {
			t.Errorf("Network(%s) = %+v, %v, want %+v", v.ID, got, err, v)
		}
	}
	for _, v := range must[[]infra.Subnet](t)(f.catalogue.Subnets(ctx, p)) {
		if got, err := f.catalogue.Subnet(ctx, p, v.ID); err != nil || got != v {
			t.Errorf("Subnet(%s) = %+v, %v, want %+v", v.ID, got, err, v)
		}
	}
	for what, look := range map[string]func() error{
		"flavor":  func() error { _, err := f.catalogue.Flavor(ctx, p, "none"); return err },
		"image":   func() error { _, err := f.catalogue.Image(ctx, p, "none"); return err },
		"network": func() error { _, err := f.catalogue.Network(ctx, p, "none"); return err },
		"subnet":  func() error { _, err := f.catalogue.Subnet(ctx, p, "none"); return err },
		"keypair": func() error { _, err := f.catalogue.Keypair(ctx, p, f.token.UserID, "none"); return err },
	} {
		err := look()
		wantKind(t, "unknown "+what, err, hanok.KindNotFound)
		if want := what + " none could not be found"; err != nil && err.Error() != want {
			t.Errorf("error %q, want %q", err, want)
		}
	}
}

// TestProjectsDoNotSeeEachOther: networks, subnets and key pairs of another
// project are not found, even by who knows their ids.
func TestProjectsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	ctx := t.Context()
	other := must[infra.Project](t)(f.identity.CreateProject(ctx, "other"))
	mine := must[[]infra.Network](t)(f.catalogue.Networks(ctx, f.token.ProjectID))
	theirs := must[[]infra.Network](t)(f.catalogue.Networks(ctx, other.ID))
	if len(mine) != 2 || len(theirs) != 2 {
		t.Fatalf("%d and %d networks, want the public one and one's own", len(mine), len(theirs))
	}
	for _, n := range theirs {
		if _, err := f.catalogue.Network(ctx, f.token.ProjectID, n.ID); !n.External && hanok.KindOf(err) != hanok.KindNotFound {
			t.Errorf("network %s of another project: %v", n.Name, err)
		}
	}
	for _, s := range must[[]infra.Subnet](t)(f.catalogue.Subnets(ctx, other.ID)) {
		if _, err := f.catalogue.Subnet(ctx, f.token.ProjectID, s.ID); !s.External && hanok.KindOf(err) != hanok.KindNotFound {
			t.Errorf("subnet %s of another project: %v", s.Name, err)
		}
	}
	if _, _, err := f.catalogue.CreateKeypair(ctx, f.token.ProjectID, f.token.UserID, "key", ""); err != nil {
		t.Fatal(err)
	}
	for _, who := range [][2]string{{other.ID, f.token.UserID}, {f.token.ProjectID, "someone else"}} {
		_, err := f.catalogue.Keypair(ctx, who[0], who[1], "key")
		wantKind(t, "another's key pair", err, hanok.KindNotFound)
	}
}

func TestCreateFlavor(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	ctx := t.Context()
	good := infra.Flavor{Name: "m2.c1m1", Type: "general", VCPUs: 1, MemoryMB: 1024}
	made, err := f.catalogue.CreateFlavor(ctx, good)
	if err != nil || made.ID == "" {
		t.Fatalf("CreateFlavor = %+v, %v", made, err)
	}
	for _, test := range []struct {
		name   string
		change func(*infra.Flavor)
		want   hanok.Kind
	}{
		{"same name", func(*infra.Flavor) {}, hanok.KindConflict},
		{"same id", func(v *infra.Flavor) { v.Name, v.ID = "other", made.ID }, hanok.KindConflict},
		{"no name", func(v *infra.Flavor) { v.Name = "" }, hanok.KindInvalid},
		{"no vCPU", func(v *infra.Flavor) { v.VCPUs = 0 }, hanok.KindInvalid},
		{"little memory", func(v *infra.Flavor) { v.MemoryMB = 128 }, hanok.KindInvalid},
		{"negative disk", func(v *infra.Flavor) { v.DiskGB = -1 }, hanok.KindInvalid},
	} {
		v := good
		test.change(&v)
		_, err := f.catalogue.CreateFlavor(ctx, v)
		wantKind(t, test.name, err, test.want)
	}
	putCluster(t, f, hanok.Cluster{UUID: "c1", Name: "c", ProjectID: f.token.ProjectID, FlavorID: made.ID})
	wantKind(t, "delete in use", f.catalogue.DeleteFlavor(ctx, made.ID), hanok.KindConflict)
	deleteCluster(t, f, "c1")
	if err := f.catalogue.DeleteFlavor(ctx, made.ID); err != nil {
		t.Error(err)
	}
	wantKind(t, "delete again", f.catalogue.DeleteFlavor(ctx, made.ID), hanok.KindNotFound)
}
