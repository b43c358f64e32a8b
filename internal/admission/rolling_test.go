package admission

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hanok/hanok"
)

func TestChangeFlavor(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	flavors, err := f.Flavors(t.Context(), f.caller.ProjectID)
	must(t, err)
	id := flavors[0].ID
	admit := func(body string) (*FlavorPlan, error) {
		return ChangeFlavor(t.Context(), f, f.caller, []byte(body), Options{GroupQuota: 5})
	}
	p, err := admit(fmt.Sprintf(`{"type": "flavor_id", "flavor_id": %q}`, id))
	if err != nil || p.Flavor.ID != id || p.Rolling.Buffers != nil || p.Rolling.MaxUnavailable != 1 || p.Rolling.Quota != 5 {
		t.Errorf("defaults: %+v, %v", p, err)
	}
	p, err = admit(fmt.Sprintf(`{"type": "flavor_id", "flavor_id": %q, "num_buffer_nodes": "0", "num_max_unavailable_nodes": 3}`, id))
	if err != nil || p.Rolling.Buffers == nil || *p.Rolling.Buffers != 0 || p.Rolling.MaxUnavailable != 3 {
		t.Errorf("as asked: %+v, %v", p, err)
	}
	// A group may have more nodes than a quota that was lowered.
	if p, err = admit(fmt.Sprintf(`{"type": "flavor_id", "flavor_id": %q, "num_max_unavailable_nodes": 6}`, id)); err != nil || p.Rolling.MaxUnavailable != 6 {
		t.Errorf("more at a time than the quota: %+v, %v", p, err)
	}
	for body, want := range map[string]string{
		`{}`: "type: is missing", `{"type": "size"}`: "type: ", `{"type": 1}`: "type: ", `{"type": "flavor_id"}`: "flavor_id: is missing",
		`{"type": "flavor_id", "flavor_id": "m2.c2m4"}`:                                       "flavor_id: ",
		`{"type": "flavor_id", "flavor_id": "5801ef8a-3760-4858-b467-fc4c1201241d"}`:          "flavor_id: flavor",
		`{"type": "flavor_id", "flavor_id": "` + id + `", "x": 1}`:                            "x: is not a known field",
		`{"type": "flavor_id", "flavor_id": "` + id + `", "num_buffer_nodes": -1}`:            "num_buffer_nodes: ",
		`{"type": "flavor_id", "flavor_id": "` + id + `", "num_buffer_nodes": 6}`:             "num_buffer_nodes: ",
		`{"type": "flavor_id", "flavor_id": "` + id + `", "num_max_unavailable_nodes": 0}`:    "num_max_unavailable_nodes: ",
		`{"type": "flavor_id", "flavor_id": "` + id + `", "num_max_unavailable_nodes": true}`: "num_max_unavailable_nodes: ",
		`not json`: "body: ",
	} {
		if _, err := admit(body); hanok.KindOf(err) != hanok.KindInvalid || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
	for _, kind := range []string{"metric_base_autoscale", "fip_auto_bind", "k8s_node_labels"} {
		if _, err := admit(`{"type": "` + kind + `"}`); hanok.KindOf(err) != hanok.KindNotImplemented || !strings.Contains(err.Error(), kind) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
