package admission

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/hanok/hanok"
)

// IsJSONPatch tells Magnum's dialect of PATCH, an array of changes, from the
// guide's, an object with a type.
func IsJSONPatch(body []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) }

// BoundsPlan changes between how many nodes a group may scale itself; nil
// leaves a bound as it is.
type BoundsPlan struct {
	Min, Max *int
}

// PatchPlan is an admitted JSON patch: a resize, or new bounds.
type PatchPlan struct {
	Resize *ResizePlan
	Bounds *BoundsPlan
}

// typeControlPlaneLog is the only type of the guides' PATCH of a cluster.
const typeControlPlaneLog = "control_plane_log"

// ChangeCluster refuses the guide's PATCH of a cluster, an object with a type:
// none is built yet, and a JSON patch is what there is.
func ChangeCluster(body []byte) error {
	o, err := parseObject(body)
	if err != nil {
		return err
	}
	kind, err := o.text("type")
	if err != nil {
		return err
	}
	if kind != typeControlPlaneLog {
		return hanok.Invalid("type", "%s is not a change of a cluster; send a JSON patch of /node_count", hanok.Quote(kind))
	}
	return hanok.NotImplemented("type", "%q is not built yet; a JSON patch of /node_count is", kind)
}

// maxPatch bounds the changes of one patch.
const maxPatch = 16

// Patch checks a JSON patch of a group, or of a cluster, which has no path
// but /node_count (its default worker group's).
func Patch(body []byte, cluster bool) (*PatchPlan, error) {
	if !utf8.Valid(body) {
		return nil, hanok.Invalid("body", "is not valid UTF-8")
	}
	if err := scan(body); err != nil {
		return nil, err
	}
	var changes []object
	if json.Unmarshal(body, &changes) != nil {
		return nil, hanok.Invalid("body", "must be a JSON array of changes")
	}
	if len(changes) == 0 || len(changes) > maxPatch {
		return nil, hanok.Invalid("body", "has %d changes; it must be 1 to %d", len(changes), maxPatch)
	}
	plan := &PatchPlan{}
	for _, change := range changes {
		if err := plan.read(change, cluster); err != nil {
			return nil, err
		}
	}
	if plan.Resize != nil && len(changes) > 1 {
		return nil, hanok.Invalid("/node_count", "must be changed by itself")
	}
	if b := plan.Bounds; b != nil && b.Min != nil && b.Max != nil && *b.Min > *b.Max {
		return nil, hanok.Invalid("/min_node_count", "%d is more than max_node_count %d", *b.Min, *b.Max)
	}
	return plan, nil
}

func (p *PatchPlan) read(change object, cluster bool) error {
	if err := change.onlyKnown([]string{"op", "path", "value"}); err != nil {
		return err
	}
	op, err := change.text("op")
	if err != nil {
		return err
	}
	path, err := change.text("path")
	if err != nil {
		return err
	}
	if op != "replace" && op != "add" {
		return hanok.Invalid("op", `%s of %s is not possible; use "replace"`, hanok.Quote(op), hanok.Quote(path))
	}
	bounds := func() *BoundsPlan {
		if p.Bounds == nil {
			p.Bounds = &BoundsPlan{}
		}
		return p.Bounds
	}
	value := object{path: change["value"]} // so that errors name the path
	switch {
	case path == "/node_count":
		n, err := value.bounded(path, 1, mostNodes)
		p.Resize = &ResizePlan{NodeCount: n}
		return err
	case path == "/min_node_count" && !cluster:
		n, err := value.bounded(path, 0, mostNodes)
		bounds().Min = &n
		return err
	case path == "/max_node_count" && !cluster:
		n, err := value.bounded(path, 1, mostNodes)
		bounds().Max = &n
		return err
	}
	can := "/node_count, /min_node_count and /max_node_count"
	if cluster {
		can = "/node_count"
	}
	return hanok.Invalid("path", "%s cannot be changed; %s can", hanok.Quote(path), can)
}
