package admission

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// extra checks the default group's extra volumes.
func (l lookup) extra(ctx context.Context, p *ClusterPlan) error {
	return checkExtraVolumes(ctx, l.cat, p.Group.Labels)
}

// checkExtraVolumes checks the extra volumes in a group's labels and looks
// their types up. What is unknown is a KindInvalid error that names the field.
func checkExtraVolumes(ctx context.Context, cat infra.Catalogue, labels map[string]string) error {
	return eachExtraVolume(ctx, cat, labels, func(field string, v hanok.ExtraVolume, types []infra.VolumeType) error {
		var names []string
		for _, t := range types {
			names = append(names, t.Name)
		}
		if !slices.Contains(names, v.Type) {
			return hanok.Invalid(field+".volume_type", "volume type %s could not be found; there are: %s", hanok.Quote(v.Type), strings.Join(names, ", "))
		}
		return nil
	})
}

// notEncryptedExtra refuses extra volumes of a type that is encrypted.
func notEncryptedExtra(ctx context.Context, cat infra.Catalogue, labels map[string]string) error {
	return eachExtraVolume(ctx, cat, labels, func(field string, v hanok.ExtraVolume, types []infra.VolumeType) error {
		if slices.ContainsFunc(types, func(t infra.VolumeType) bool { return t.Name == v.Type && t.Encrypted }) {
			return hanok.NotImplemented(field+".volume_type", "encrypted volumes (%s) are not built yet; choose another type", v.Type)
		}
		return nil
	})
}

func eachExtraVolume(ctx context.Context, cat infra.Catalogue, labels map[string]string, check func(string, hanok.ExtraVolume, []infra.VolumeType) error) error {
	const field = "labels." + hanok.LabelExtraVolumes
	volumes, err := hanok.ReadExtraVolumes(field, labels[hanok.LabelExtraVolumes])
	if err != nil || len(volumes) == 0 {
		return err
	}
	types, err := cat.VolumeTypes(ctx)
	if err != nil {
		return err
	}
	for i, v := range volumes {
		if err := check(fmt.Sprintf("%s[%d]", field, i), v, types); err != nil {
			return err
		}
	}
	return nil
}
