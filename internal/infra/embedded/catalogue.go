package embedded

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// Catalogue is the embedded catalogue. All methods may be called at once.
type Catalogue struct {
	store store.Store
	now   func() time.Time
}

var _ infra.Catalogue = (*Catalogue)(nil)

// NewCatalogue makes a Catalogue over a store; Seed fills an empty one.
func NewCatalogue(s store.Store) *Catalogue {
	return &Catalogue{store: s, now: time.Now}
}

func (c *Catalogue) created() time.Time { return c.now().UTC().Truncate(time.Second) }

// view lists the values of a kind that keep lets through, in order.
func view[T any](ctx context.Context, c *Catalogue, kind, project string, keep func(T) bool, order func(a, b T) int) ([]T, error) {
	var kept []T
	err := c.store.View(ctx, func(tx store.Tx) error {
		all, err := list[T](tx, kind, project)
		if err != nil {
			return err
		}
		kept = slices.DeleteFunc(all, func(v T) bool { return keep != nil && !keep(v) })
		return nil
	})
	slices.SortFunc(kept, order)
	return kept, err
}

// one reads the value of a kind if keep lets it through.
func one[T any](ctx context.Context, c *Catalogue, kind, id string, keep func(T) bool) (T, error) {
	var found T
	err := c.store.View(ctx, func(tx store.Tx) (err error) {
		found, err = get[T](tx, kind, id, id)
		return err
	})
	if err == nil && keep != nil && !keep(found) {
		var none T
		return none, hanok.NotFound(kind, id)
	}
	return found, err
}

// Flavors lists the flavors, small ones first.
func (c *Catalogue) Flavors(ctx context.Context, _ string) ([]infra.Flavor, error) {
	return view(ctx, c, kindFlavor, "", nil, func(a, b infra.Flavor) int {
		return cmp.Or(a.VCPUs-b.VCPUs, a.MemoryMB-b.MemoryMB, strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
}

// Flavor finds a flavor by id.
func (c *Catalogue) Flavor(ctx context.Context, _, id string) (infra.Flavor, error) {
	return one[infra.Flavor](ctx, c, kindFlavor, id, nil)
}

// CreateFlavor adds a flavor; it gets an id where it has none. A name or an
// id that is taken is hanok.KindConflict.
func (c *Catalogue) CreateFlavor(ctx context.Context, f infra.Flavor) (infra.Flavor, error) {
	if err := checkFlavor(f); err != nil {
		return infra.Flavor{}, err
	}
	err := c.store.Update(ctx, func(tx store.Tx) error {
		all, err := list[infra.Flavor](tx, kindFlavor, "")
		if err != nil {
			return err
		}
		for _, other := range all {
			if other.Name == f.Name || other.ID == f.ID {
				return hanok.Errorf(hanok.KindConflict, "flavor %s (%s) exists already", other.Name, other.ID)
			}
		}
		if f.ID == "" {
			f.ID = stableID(kindFlavor, f.Name)
		}
		return put(tx, kindFlavor, f.ID, "", f.Name, c.created(), f)
	})
	if err != nil {
		return infra.Flavor{}, err
	}
	return f, nil
}

func checkFlavor(f infra.Flavor) error {
	if err := checkName("name", f.Name); err != nil {
		return err
	}
	for _, n := range []struct {
		field           string
		value, min, max int
	}{
		{"vcpus", f.VCPUs, 1, 1024},
		{"ram", f.MemoryMB, 256, 64 << 20},
		{"disk", f.DiskGB, 0, 64 << 10},
	} {
		if n.value < n.min || n.value > n.max {
			return hanok.Invalid(n.field, "%d is not within %d to %d", n.value, n.min, n.max)
		}
	}
	return nil
}

// DeleteFlavor removes a flavor. One that clusters use is hanok.KindConflict.
func (c *Catalogue) DeleteFlavor(ctx context.Context, id string) error {
	return c.store.Update(ctx, func(tx store.Tx) error {
		if _, err := get[infra.Flavor](tx, kindFlavor, id, id); err != nil {
			return err
		}
		used, err := flavorInUse(tx, id)
		if err != nil {
			return err
		}
		if used {
			return hanok.Errorf(hanok.KindConflict, "flavor %s is in use by clusters; delete or resize them first", id)
		}
		return tx.DeleteDocument(kindFlavor, id)
	})
}

func flavorInUse(tx store.Tx, id string) (bool, error) {
	nodes, err := tx.AllNodes("")
	if err != nil || slices.ContainsFunc(nodes, func(n hanok.Node) bool { return n.FlavorID == id }) {
		return err == nil, err
	}
	clusters, err := tx.Clusters("")
	if err != nil {
		return false, err
	}
	for _, c := range clusters {
		// A group without nodes may still grow.
		groups, err := tx.NodeGroups(c.UUID)
		if err != nil || c.FlavorID == id || slices.ContainsFunc(groups, func(g hanok.NodeGroup) bool { return g.FlavorID == id }) {
			return err == nil, err
		}
	}
	return false, nil
}

// Images lists the images, by name.
func (c *Catalogue) Images(ctx context.Context, _ string) ([]infra.Image, error) {
	return view(ctx, c, kindImage, "", nil, func(a, b infra.Image) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
}

// Image finds an image by id.
func (c *Catalogue) Image(ctx context.Context, _, id string) (infra.Image, error) {
	return one[infra.Image](ctx, c, kindImage, id, nil)
}

// Zones lists the availability zones, by name.
func (c *Catalogue) Zones(ctx context.Context) ([]infra.Zone, error) {
	return view(ctx, c, kindZone, "", nil, func(a, b infra.Zone) int { return strings.Compare(a.Name, b.Name) })
}

// VolumeTypes lists the volume types, by name.
func (c *Catalogue) VolumeTypes(ctx context.Context) ([]infra.VolumeType, error) {
	return view(ctx, c, kindVolumeType, "", nil, func(a, b infra.VolumeType) int { return strings.Compare(a.Name, b.Name) })
}
