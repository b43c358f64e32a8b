package admission

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// notBuiltFields are fields of a create request whose feature is not built
// yet, each with the test for its off-value.
var notBuiltFields = []struct {
	name string
	off  func(json.RawMessage) bool
}{
	{"addons", emptyList},
	{"api_ep_ipacl", disabled},
	{"docker_volume_size", zero},
	{"floating_ip_enabled", isBool(false)}, // floating IPs of nodes
	{"master_flavor_id", emptyText},
	{"master_lb_enabled", isBool(true)}, // the endpoint always outlives members
}

// notBuilt names everything that a request switches on and that is not built
// yet, fields and labels together, so that one answer tells it all.
func notBuilt(o object, labels map[string]string) error {
	var wanted []string
	for _, f := range notBuiltFields {
		if o.sent(f.name) && !f.off(bytes.TrimSpace(o[f.name])) {
			wanted = append(wanted, f.name)
		}
	}
	for _, name := range hanok.LabelsWanted(labels) {
		wanted = append(wanted, "labels."+name)
	}
	if len(wanted) == 0 {
		return nil
	}
	return hanok.NotImplemented(strings.Join(wanted, ", "), "asks for a feature that is not built yet; leave it out or switch it off")
}

// notEncrypted refuses a volume type that is encrypted.
func notEncrypted(ctx context.Context, cat infra.Catalogue, volume infra.Volume) error {
	types, err := cat.VolumeTypes(ctx)
	if err != nil {
		return err
	}
	for _, t := range types {
		if t.Name == volume.Type && t.Encrypted {
			return hanok.NotImplemented("labels."+hanok.LabelBootVolumeType, "encrypted volumes (%s) are not built yet; choose another type", t.Name)
		}
	}
	return nil
}

func emptyList(v json.RawMessage) bool { return string(v) == "[]" }

func emptyText(v json.RawMessage) bool { return string(v) == `""` }

func zero(v json.RawMessage) bool { return string(v) == "0" || string(v) == `"0"` || emptyText(v) }

// isBool reads a boolean as JSON or as a string in any case.
func isBool(off bool) func(json.RawMessage) bool {
	return func(v json.RawMessage) bool {
		s := strings.Trim(string(v), `"`)
		if off {
			return hanok.IsTrue(s)
		}
		return strings.EqualFold(s, "false")
	}
}

func disabled(v json.RawMessage) bool {
	var o struct {
		Enable json.RawMessage `json:"enable"`
	}
	return json.Unmarshal(v, &o) == nil && (len(o.Enable) == 0 || isBool(false)(o.Enable))
}
