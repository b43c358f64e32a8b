package embedded

import (
	"testing"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

func TestCreateImage(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	ctx := t.Context()
	made := must[infra.Image](t)(f.catalogue.CreateImage(ctx, infra.Image{Name: "mine", MinDiskGB: 30, MinRAMMB: 1024, LoginUser: "root"}))
	if !hanok.IsUUID(made.ID) || made.LoginUser != "debian" || !made.Kubernetes || made.MinDiskGB != 30 || made.MinRAMMB != 1024 {
		t.Errorf("made %+v", made)
	}
	if got, err := f.catalogue.Image(ctx, f.token.ProjectID, made.ID); err != nil || got != made {
		t.Errorf("read back %+v, %v", got, err)
	}
	for what, i := range map[string]infra.Image{
		"its name again": {Name: "mine", MinDiskGB: 30}, "its id again": {ID: made.ID, Name: "other", MinDiskGB: 30},
	} {
		_, err := f.catalogue.CreateImage(ctx, i)
		wantKind(t, what, err, hanok.KindConflict)
	}
	for what, i := range map[string]infra.Image{
		"no name": {MinDiskGB: 30}, "a disk that the tree does not fit on": {Name: "small", MinDiskGB: 1}, "negative memory": {Name: "x", MinDiskGB: 30, MinRAMMB: -1},
	} {
		_, err := f.catalogue.CreateImage(ctx, i)
		wantKind(t, what, err, hanok.KindInvalid)
	}
}

func TestDeleteImage(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	ctx := t.Context()
	made := must[infra.Image](t)(f.catalogue.CreateImage(ctx, infra.Image{Name: "mine", MinDiskGB: 30}))
	cluster := hanok.Cluster{UUID: uuid.NewString(), Name: "k8s", ProjectID: f.token.ProjectID}
	err := f.store.Update(ctx, func(tx store.Tx) error {
		if err := tx.PutCluster(cluster); err != nil {
			return err
		}
		// Without nodes, but it may grow.
		_, err := tx.PutNodeGroup(hanok.NodeGroup{UUID: uuid.NewString(), ClusterUUID: cluster.UUID, ProjectID: cluster.ProjectID, Name: "g", ImageID: made.ID})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, "an image in use", f.catalogue.DeleteImage(ctx, made.ID), hanok.KindConflict)
	if err := f.store.Update(ctx, func(tx store.Tx) error { return tx.DeleteCluster(cluster.UUID) }); err != nil {
		t.Fatal(err)
	}
	if err := f.catalogue.DeleteImage(ctx, made.ID); err != nil {
		t.Errorf("an image of no use: %v", err)
	}
	wantKind(t, "deleted twice", f.catalogue.DeleteImage(ctx, made.ID), hanok.KindNotFound)
}
