package embedded

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// CreateImage enters the tree that nodes boot from under another name, with
// minimums of its own: Name, MinDiskGB and MinRAMMB are the caller's, and ID
// where it is given. A name or an id that is taken is hanok.KindConflict.
func (c *Catalogue) CreateImage(ctx context.Context, i infra.Image) (infra.Image, error) {
	if err := checkName("name", i.Name); err != nil {
		return infra.Image{}, err
	}
	for _, n := range []struct {
		field           string
		value, min, max int
	}{
		{"min_disk", i.MinDiskGB, nodeImage.MinDiskGB, 64 << 10},
		{"min_ram", i.MinRAMMB, 0, 64 << 20},
	} {
		if n.value < n.min || n.value > n.max {
			return infra.Image{}, hanok.Invalid(n.field, "%d is not within %d to %d", n.value, n.min, n.max)
		}
	}
	made := nodeImage
	made.ID, made.Name, made.MinDiskGB, made.MinRAMMB, made.CreatedAt = i.ID, i.Name, i.MinDiskGB, i.MinRAMMB, c.created()
	if made.ID == "" {
		made.ID = uuid.NewString()
	}
	err := c.store.Update(ctx, func(tx store.Tx) error {
		all, err := list[infra.Image](tx, kindImage, "")
		if err != nil {
			return err
		}
		for _, other := range all {
			if other.Name == made.Name || other.ID == made.ID {
				return hanok.Errorf(hanok.KindConflict, "image %s (%s) exists already", other.Name, other.ID)
			}
		}
		return put(tx, kindImage, made.ID, "", made.Name, made.CreatedAt, made)
	})
	if err != nil {
		return infra.Image{}, err
	}
	return made, nil
}

// DeleteImage removes an image. One that clusters use is hanok.KindConflict.
func (c *Catalogue) DeleteImage(ctx context.Context, id string) error {
	return c.store.Update(ctx, func(tx store.Tx) error {
		if _, err := get[infra.Image](tx, kindImage, id, hanok.Quote(id)); err != nil {
			return err
		}
		clusters, err := tx.Clusters("")
		if err != nil {
			return err
		}
		for _, cl := range clusters {
			// A group without nodes may still grow.
			groups, err := tx.NodeGroups(cl.UUID)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(groups, func(g hanok.NodeGroup) bool { return g.ImageID == id }) {
				return hanok.Errorf(hanok.KindConflict, "image %s is in use by cluster %s; delete the cluster first", id, cl.UUID)
			}
		}
		return tx.DeleteDocument(kindImage, id)
	})
}
