package admission

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

const extraVolumesField = "labels." + hanok.LabelExtraVolumes

// extraVolumes reads the extra volumes of a group from its labels and looks
// their types up. An unknown type is a KindInvalid error that names the field.
func (l lookup) extraVolumes(ctx context.Context, labels map[string]string) ([]infra.ExtraVolume, error) {
	wanted, err := hanok.ReadExtraVolumes(extraVolumesField, labels[hanok.LabelExtraVolumes])
	if err != nil || len(wanted) == 0 {
		return nil, err
	}
	types, err := l.cat.VolumeTypes(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range types {
		names = append(names, t.Name)
	}
	var volumes []infra.ExtraVolume
	for i, w := range wanted {
		if !slices.Contains(names, w.Type) {
			return nil, hanok.Invalid(fmt.Sprintf("%s[%d].volume_type", extraVolumesField, i),
				"volume type %s could not be found; there are: %s", hanok.Quote(w.Type), strings.Join(names, ", "))
		}
		volumes = append(volumes, infra.ExtraVolume{Volume: infra.Volume{Type: w.Type, SizeGB: w.SizeGB}, MountPath: w.MountPath})
	}
	return volumes, nil
}

// extra looks the default group's extra volumes up.
func (l lookup) extra(ctx context.Context, p *ClusterPlan) (err error) {
	p.ExtraVolumes, err = l.extraVolumes(ctx, p.Group.Labels)
	return err
}

// notEncryptedExtra refuses extra volumes of a type that is encrypted.
func notEncryptedExtra(ctx context.Context, cat infra.Catalogue, volumes []infra.ExtraVolume) error {
	types, err := cat.VolumeTypes(ctx)
	if err != nil {
		return err
	}
	for i, v := range volumes {
		if slices.ContainsFunc(types, func(t infra.VolumeType) bool { return t.Name == v.Type && t.Encrypted }) {
			return hanok.NotImplemented(fmt.Sprintf("%s[%d].volume_type", extraVolumesField, i), "encrypted volumes (%s) are not built yet; choose another type", v.Type)
		}
	}
	return nil
}
