package admission

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

const nobody = "99999999-9999-4999-8999-999999999999"

// TestBadInput goes through every rule: each breach is invalid and names its field.
func TestBadInput(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	long := strings.Repeat("z", 33)
	for _, c := range []struct {
		edit edit
		want string // the error begins with the field
		text string // and holds this
	}{
		{unset("name"), "name: ", "is missing"}, {set("name", nil), "name: ", "is missing"}, {set("name", 5), "name: ", "must be a string"},
		{set("name", ""), "name: ", "must not be empty"}, {set("name", "Test"), "name: ", "lowercase"}, {set("name", long), "name: ", "at most 32"},
		{set("name", "1a"), "name: ", "begin with a letter"}, {set("name", "a-"), "name: ", "end with"},
		{set("name", nobody), "name: ", "looks like a UUID"}, {set("name", "abcdefabcdefabcdefabcdefabcdefab"), "name: ", "looks like a UUID"},
		{unset("cluster_template_id"), "cluster_template_id: ", "is missing"}, {set("cluster_template_id", "k8s"), "cluster_template_id: ", "iaas_console"},
		{set("cluster_template_id", []any{}), "cluster_template_id: ", "must be a string"},
		{unset("keypair"), "keypair: ", "is missing"}, {set("keypair", "none"), "keypair: ", "could not be found"}, {set("keypair", true), "keypair: ", "must be a string"},
		{unset("node_count"), "node_count: ", "is missing"}, {set("node_count", 0), "node_count: ", "1 to 10"}, {set("node_count", -1), "node_count: ", "1 to 10"},
		{set("node_count", 11), "node_count: ", "1 to 10"}, {set("node_count", "11"), "node_count: ", "1 to 10"}, {set("node_count", 1.5), "node_count: ", "integer"},
		{set("node_count", "two"), "node_count: ", "integer"}, {set("node_count", ""), "node_count: ", "integer"}, {set("node_count", []any{1}), "node_count: ", "integer"},
		{set("node_count", 1e300), "node_count: ", "integer"}, {set("node_count", true), "node_count: ", "integer"},
		{unset("flavor_id"), "flavor_id: ", "is missing"}, {set("flavor_id", "m2.c2m4"), "flavor_id: ", "must be a UUID"}, {set("flavor_id", nobody), "flavor_id: ", "could not be found"},
		{unset("fixed_network"), "fixed_network: ", "is missing"}, {set("fixed_network", nobody), "fixed_network: ", "could not be found"},
		{set("fixed_network", f.ids.foreignNetwork), "fixed_network: ", "could not be found"}, {set("fixed_network", 1), "fixed_network: ", "must be a string"},
		{unset("fixed_subnet"), "fixed_subnet: ", "is missing"}, {set("fixed_subnet", nobody), "fixed_subnet: ", "could not be found"},
		{set("fixed_subnet", f.ids.foreignSubnet), "fixed_subnet: ", "could not be found"},
		{set("fixed_network", f.ids.otherVPC), "fixed_subnet: ", "is not a subnet of network"},
		{func(b, l map[string]any) {
			b["fixed_network"], b["fixed_subnet"] = l["external_network_id"], l["external_subnet_id_list"]
		}, "fixed_network: ", "internet gateway's side"},
		{both(set("fixed_network", f.ids.otherVPC, "fixed_subnet", f.ids.smallSubnet)), "fixed_subnet: ", "10.7.0.0/26 is too small"},
		{unset("labels"), "labels: ", "is missing"}, {set("labels", nil), "labels: ", "is missing"}, {set("labels", []any{}), "labels: ", "must be an object"}, {set("labels", "x"), "labels: ", "must be an object"},
		{set("create_timeout", 0), "create_timeout: ", "1 to 1440"}, {set("create_timeout", 1441), "create_timeout: ", "1 to 1440"}, {set("create_timeout", "soon"), "create_timeout: ", "integer"},
		{set("discovery_url", "http://x"), "discovery_url: ", "must be null"}, {set("master_count", "many"), "master_count: ", "integer"}, {set("merge_labels", "x"), "merge_labels: ", "true or false"},
		{set("nodecount", 1), "nodecount: ", "not a known field"}, {set("Name", "x"), "Name: ", "not a known field"}, {set(strings.Repeat("x", 5000), 1), `"xxx`, "not a known field"},
		{label("no_such_label", "x"), "labels.no_such_label: ", "not a known label"},
		{drop("availability_zone"), "labels.availability_zone: ", "is missing"}, {label("availability_zone", "kr9-pub-z"), "labels.availability_zone: ", "could not be found"},
		{drop("node_image"), "labels.node_image: ", "is missing"}, {label("node_image", nobody), "labels.node_image: ", "could not be found"},
		{drop("boot_volume_type"), "labels.boot_volume_type: ", "is missing"}, {label("boot_volume_type", "Special HDD"), "labels.boot_volume_type: ", "General HDD"},
		{drop("boot_volume_size"), "labels.boot_volume_size: ", "is missing"}, {label("boot_volume_size", "4"), "labels.boot_volume_size: ", "at least 5 GB"},
		{label("boot_volume_size", "9999"), "labels.boot_volume_size: ", "out of bounds"}, {label("boot_volume_size", "big"), "labels.boot_volume_size: ", "integer"},
		{drop("cert_manager_api"), "labels.cert_manager_api: ", "is missing"}, {label("cert_manager_api", "False"), "labels.cert_manager_api: ", `must be "True"`},
		{drop("ca_enable"), "labels.ca_enable: ", "is missing"}, {label("ca_enable", "maybe"), "labels.ca_enable: ", `"True" or "False"`},
		{label("ca_enable", "True", "ca_max_node_count", "11"), "labels.ca_max_node_count: ", "1 to 10"}, {label("ca_min_node_count", "x"), "labels.ca_min_node_count: ", "integer"},
		{drop("kube_tag"), "labels.kube_tag: ", "is missing"}, {label("kube_tag", "v1.99.9"), "labels.kube_tag: ", "not a known"}, {label("kube_tag", "1.30.3"), "labels.kube_tag: ", "not a known"},
		{label("kube_tag", "v1.23.3"), "labels.kube_tag: ", "can not be created"}, {label("kube_tag", "v1.29.3"), "labels.kube_tag: ", "hanok bundle build v1.29.3"},
		{drop("master_lb_floating_ip_enabled"), "labels.master_lb_floating_ip_enabled: ", "is missing"}, {label("master_lb_floating_ip_enabled", "1"), "labels.master_lb_floating_ip_enabled: ", `"True" or "False"`},
		{drop("external_network_id"), "labels.external_network_id: ", "is missing"}, {drop("external_subnet_id_list"), "labels.external_subnet_id_list: ", "is missing"},
		{drop("external_network_id", "external_subnet_id_list"), "labels.external_network_id: ", "needs it"},
		{both(drop("external_network_id", "external_subnet_id_list"), label("master_lb_floating_ip_enabled", "False")), "labels.external_network_id: ", "has an internet gateway"},
		{label("external_network_id", nobody), "labels.external_network_id: ", "could not be found"},
		{func(b, l map[string]any) { l["external_network_id"] = b["fixed_network"] }, "labels.external_network_id: ", "not attached to an internet gateway"},
		{label("external_subnet_id_list", nobody), "labels.external_subnet_id_list: ", "could not be found"},
		{label("external_subnet_id_list", f.ids.publicSubnet+":"), "labels.external_subnet_id_list: ", "could not be found"},
		{label("external_subnet_id_list", f.ids.publicSubnet+":"+f.ids.publicSubnet), "labels.external_subnet_id_list: ", "twice"},
		{label("external_subnet_id_list", f.ids.isolated), "labels.external_subnet_id_list: ", "is not a subnet of network"},
		{label("cni_driver", "calico"), "labels.cni_driver: ", "no images of Calico"}, {label("cni_driver", "weave"), "labels.cni_driver: ", "not a known CNI"},
		{label("clusterautoscale", "x"), "labels.clusterautoscale: ", "nodegroupfeature"},
		{label("user_script", "echo"), "labels.user_script: ", "#!"}, {label("user_script_v2", "#!"+strings.Repeat("x", 64<<10)), "labels.user_script_v2: ", "at most"},
		{label("extra_volumes", "x"), "labels.extra_volumes: ", "array"},
		{label("extra_volumes", []any{map[string]any{"volume_type": "General HDD", "volume_size": 1, "volume_mount_path": "/etc"}}), "labels.extra_volumes[0].volume_mount_path: ", "/etc"},
		{label("extra_volumes", []any{map[string]any{"volume_type": "Nothing", "volume_size": 1}}), "labels.extra_volumes[0].volume_type: ", "could not be found"},
		{label("strict_sg_rules", "x"), "labels.strict_sg_rules: ", `"True" or "False"`},
		{label("service_cluster_ip_range", "10.20.0.1/16"), "labels.service_cluster_ip_range: ", "host bits"}, {label("service_cluster_ip_range", "x"), "labels.service_cluster_ip_range: ", "not an IPv4 range"},
		{label("service_cluster_ip_range", "10.20.0.0/26"), "labels.service_cluster_ip_range: ", "too small"}, {label("service_cluster_ip_range", "169.254.0.0/16"), "labels.service_cluster_ip_range: ", "link-local"},
		{label("service_cluster_ip_range", "10.100.0.0/16"), "labels.service_cluster_ip_range: ", "overlaps"}, {label("service_cluster_ip_range", "198.18.0.0/20"), "labels.service_cluster_ip_range: ", "198.18.0.0/19"},
		{label("pods_network_cidr", "192.168.0.0/16"), "labels.pods_network_cidr: ", "fixed_subnet"}, {label("pods_network_cidr", "fd00::/48"), "labels.pods_network_cidr: ", "not an IPv4 range"},
		{label("pods_network_subnet", "19"), "labels.pods_network_subnet: ", "20 to 28"}, {label("pods_network_subnet", "29"), "labels.pods_network_subnet: ", "20 to 28"},
		{label("pods_network_subnet", "x"), "labels.pods_network_subnet: ", "integer"}, {label("pods_network_cidr", "10.100.0.0/23"), "labels.pods_network_subnet: ", "at least 2 greater"},
		{both(set("node_count", 2), label("pods_network_cidr", "10.100.0.0/22")), "node_count: ", "room for 1"},
	} {
		body := f.request(c.edit)
		p, err := f.admit(body)
		if p != nil || hanok.KindOf(err) != hanok.KindInvalid || !strings.HasPrefix(err.Error(), c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("error %v; want %q with %q", err, c.want, c.text)
		}
		if err != nil && len(err.Error()) > 500 {
			t.Errorf("an error of %d bytes repeats the request", len(err.Error()))
		}
	}
}

func TestBrokenBodies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	good := string(f.request(nil))
	for body, want := range map[string]string{
		"":                                       "body: is empty",
		" \n":                                    "body: is empty",
		"null":                                   "body: must be a JSON object",
		"[]":                                     "body: must be a JSON object",
		`"x"`:                                    "body: must be a JSON object",
		"{":                                      "body: is not valid JSON at byte 1: it ends too early",
		"{]":                                     "body: is not valid JSON",
		`{"name":}`:                              "body: is not valid JSON",
		`{"name":"a",}`:                          "body: is not valid JSON",
		`{'name':'a'}`:                           "body: is not valid JSON",
		good + "x":                               "body: is not valid JSON",
		good + "{}":                              "body: has more than one JSON value",
		`{"name":"a","name":"b"}`:                `body: has the key "name" twice`,
		`{"labels":{"kube_tag":1,"kube_tag":2}}`: `body: has the key "kube_tag" twice`,
		`{"labels":[{"a":{"b":1,"b":2}}]}`:       `body: has the key "b" twice`,
		`{"name":"a","n\u0061me":"b"}`:           `body: has the key "name" twice`,
		`{"name":"` + "\xff" + `"}`:              "body: is not valid UTF-8",
		"\xef\xbb\xbf{}":                         "body: is not valid JSON",
		strings.Repeat("[", 20):                  "body: is nested more than 16",
		strings.Repeat(`{"a":`, 200000):          "body: is nested more than 16",
	} {
		p, err := f.admit([]byte(body))
		if p != nil || hanok.KindOf(err) != hanok.KindInvalid || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40q: %v; want %q", body, err, want)
		}
	}
	// Equal keys of different objects are no repetition.
	if _, err := parseObject([]byte(`{"a":{"b":1},"b":[{"b":1},{"b":2}]}`)); err != nil {
		t.Error(err)
	}
}

func TestCatalogueThatCannotServe(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, c := range map[string]struct {
		cat  edited
		edit edit
		kind hanok.Kind
		want string
	}{
		"image for something else": {edited{image: func(i infra.Image) infra.Image { i.Kubernetes = false; return i }}, nil, hanok.KindInvalid, "labels.node_image: "},
		"image still queued":       {edited{image: func(i infra.Image) infra.Image { i.Status = "queued"; return i }}, nil, hanok.KindInvalid, "labels.node_image: "},
		"image needs memory":       {edited{image: func(i infra.Image) infra.Image { i.MinRAMMB = 1 << 20; return i }}, nil, hanok.KindInvalid, "flavor_id: "},
		"zone out of order":        {edited{zones: []infra.Zone{{Name: "kr-pub-a"}}}, nil, hanok.KindInvalid, "labels.availability_zone: "},
		"encrypted volume":         {edited{types: []infra.VolumeType{{Name: "Encrypted SSD", Encrypted: true}}}, label("boot_volume_type", "Encrypted SSD"), hanok.KindNotImplemented, "labels.boot_volume_type: "},
		"catalogue down":           {edited{broken: errors.New("no route")}, nil, hanok.KindInternal, "no route"},
	} {
		c.cat.Catalogue = f.Catalogue
		_, err := CreateCluster(context.Background(), c.cat, f.caller, f.request(c.edit), Options{Bundles: []string{"v1.30.3"}})
		if hanok.KindOf(err) != c.kind || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

func TestQuotaBoundsNodeCount(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for quota, n := range map[int]int{3: 3, 20: 20} {
		opts := Options{Bundles: []string{"v1.30.3"}, GroupQuota: quota}
		p, err := CreateCluster(context.Background(), f, f.caller, f.request(both(set("node_count", n), drop("ca_min_node_count", "ca_max_node_count"))), opts)
		if err != nil || *p.Group.MaxNodeCount < n {
			t.Errorf("quota %d: %v", quota, err)
		}
		if _, err := CreateCluster(context.Background(), f, f.caller, f.request(set("node_count", n+1)), opts); hanok.KindOf(err) != hanok.KindForbidden || !strings.HasPrefix(err.Error(), "node_count: ") {
			t.Errorf("one above quota %d: %v", quota, err)
		}
	}
}
