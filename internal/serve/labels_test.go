package serve

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/hanok/hanok/api"
)

// TestLabelsAreStrings: a label comes back as the string that was sent; what
// was sent as another type has one string form, and a request takes that form
// too.
func TestLabelsAreStrings(t *testing.T) {
	t.Parallel()
	r := newAPIRig(t)
	volumes := `[{"volume_type":"General HDD","volume_size":100}]`
	for i, c := range []struct {
		name string
		sent any
		want string
	}{
		{"boot_volume_size", "20", "20"}, {"boot_volume_size", 20, "20"}, {"boot_volume_size", "020", "020"},
		{"cert_manager_api", "True", "True"}, {"cert_manager_api", "true", "true"}, {"cert_manager_api", "TRUE", "TRUE"}, {"cert_manager_api", true, "true"},
		{"ca_enable", false, "false"}, {"ca_enable", "False", "False"}, {"strict_sg_rules", false, "false"},
		{"pods_network_subnet", 24, "24"}, {"pods_network_subnet", "24", "24"}, {"ca_max_node_count", 10, "10"}, {"ca_scale_down_delay_after_add", "3", "3"},
		{"extra_volumes", json.RawMessage(`[ {"volume_type": "General HDD", "volume_size": 100} ]`), volumes}, {"extra_volumes", volumes, volumes},
		{"extra_volumes", []any{}, "[]"}, {"extra_volumes", " [ ] ", " [ ] "}, {"extra_security_groups", []any{}, "[]"}, {"extra_security_groups", "", ""},
		{"user_script_v2", "", ""}, {"availability_zone", "", ""}, {"clusterautoscale", "nodegroupfeature", "nodegroupfeature"},
		{"os_distro", "Ubuntu <22> & \"é\"", "Ubuntu <22> & \"é\""}, {"server_group_meta", "x", "x"},
	} {
		create := maps.Clone(r.request)
		labels := maps.Clone(r.request["labels"].(map[string]any))
		labels[c.name], create["labels"], create["name"] = c.sent, labels, fmt.Sprintf("l%d", i)
		for round, sent := range []any{c.sent, c.want} { // and the form that came back is taken too
			labels[c.name], create["name"] = sent, fmt.Sprintf("l%d-%d", i, round)
			uuid := r.create(create)
			for _, path := range []string{"/v1/clusters/" + uuid, "/v1/clusters/" + uuid + "/nodegroups/default-worker"} {
				var shown struct{ Labels map[string]any }
				must(t, json.Unmarshal([]byte(r.must(r.call(r.admin, "GET", path, ""), 200).raw), &shown))
				if shown.Labels[c.name] != c.want {
					t.Errorf("%s: %v came back as %v from %s; want %q", c.name, sent, shown.Labels[c.name], path, c.want)
				}
			}
		}
	}
}

// create sends a create request that must be accepted.
func (r *apiRig) create(body map[string]any) (uuid string) {
	r.Helper()
	raw, err := json.Marshal(body)
	must(r.T, err)
	var made struct{ UUID string }
	must(r.T, json.Unmarshal([]byte(r.must(r.call(r.admin, "POST", "/v1/clusters", string(raw)), 202).raw), &made))
	return made.UUID
}

// TestBothGuidesRequests sends the create requests of both guides as they are
// printed, but for the ids and the version of this installation.
func TestBothGuidesRequests(t *testing.T) {
	t.Parallel()
	r := newAPIRig(t)
	doc, err := openapi3.NewLoader().LoadFromData(api.Document)
	must(t, err)
	example := func(name string) (map[string]any, map[string]any) {
		var body map[string]any
		raw, err := json.Marshal(doc.Components.Examples[name].Value.Value)
		must(t, err)
		must(t, json.Unmarshal(raw, &body))
		labels := body["labels"].(map[string]any)
		for _, field := range []string{"keypair", "flavor_id", "fixed_network", "fixed_subnet"} {
			body[field] = r.request[field]
		}
		for _, label := range []string{"node_image", "external_network_id", "external_subnet_id_list", "kube_tag", "availability_zone"} {
			labels[label] = r.request["labels"].(map[string]any)[label]
		}
		return body, labels
	}
	older, _ := example("ClusterCreateOlder")
	var shown map[string]any
	must(t, json.Unmarshal([]byte(r.must(r.call(r.admin, "GET", "/v1/clusters/"+r.create(older), ""), 200).raw), &shown))
	if shown["master_count"] != 1.0 || shown["discovery_url"] != nil || shown["create_timeout"] != 60.0 || shown["name"] != "tw-cli-test" {
		t.Errorf("the older guide's cluster is shown as %v", shown)
	}
	for _, field := range []string{"master_flavor_id", "discovery_url", "docker_volume_size", "container_version"} {
		if value, ok := shown[field]; !ok || value != nil {
			t.Errorf("%s is %v; want null", field, value)
		}
	}

	newer, labels := example("ClusterCreateNewer")
	raw, err := json.Marshal(newer)
	must(t, err)
	a := r.must(r.call(r.admin, "POST", "/v1/clusters", string(raw)), 501)
	if want := "labels.extra_security_groups, labels.strict_sg_rules: "; len(a.detail()) < len(want) || a.detail()[:len(want)] != want {
		t.Errorf("the newer guide's request is refused with %q; want it to name what is not built", a.detail())
	}
	delete(labels, "extra_security_groups")
	labels["strict_sg_rules"] = "False"
	r.create(newer)
	// The spellings of clients.
	for i, change := range []map[string]any{
		{"node_count": "2"}, {"node_count": 2}, {"create_timeout": nil}, {"create_timeout": "60"}, {"discovery_url": nil}, {"discovery_url": ""},
		{"master_count": "3"}, {"master_count": nil}, {"cluster_template_id": "6b1c0d52-3f0e-5c0c-9d0a-2f6a4b0f7a11"}, {"merge_labels": false},
		{"floating_ip_enabled": false}, {"master_lb_enabled": "true"}, {"docker_volume_size": 0}, {"addons": []any{}}, {"master_flavor_id": ""},
	} {
		body := maps.Clone(newer)
		maps.Copy(body, change)
		body["name"] = fmt.Sprintf("n%d", i)
		r.create(body)
	}
}
