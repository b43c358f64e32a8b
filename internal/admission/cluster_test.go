package admission

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hanok/hanok"
)

func TestGoodRequestBecomesAPlan(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p, err := f.admit(f.request(nil))
	must(t, err)
	c, g := p.Cluster, p.Group
	if c.Name != "test-k8s" || c.ProjectID != f.caller.ProjectID || c.UserID != f.caller.UserID || c.Keypair != "test-keypair" ||
		c.Version != "v1.30.3" || c.CreateTimeout != 60 || c.MasterCount != nil || c.DiscoveryURL != nil {
		t.Errorf("cluster %+v", c)
	}
	sent := map[string]string{}
	for name, value := range f.good["labels"].(map[string]any) {
		sent[name] = value.(string)
	}
	if !maps.Equal(c.Labels, sent) {
		t.Errorf("labels %v; sent %v", c.Labels, sent)
	}
	if g.Name != "default-worker" || g.Role != "worker" || !g.IsDefault || g.NodeCount != 1 || g.MinNodeCount != 1 ||
		g.MaxNodeCount == nil || *g.MaxNodeCount != 10 || g.Version != "v1.30.3" || g.Keypair != "test-keypair" || g.ProjectID != c.ProjectID {
		t.Errorf("group %+v", g)
	}
	if g.FlavorID != p.Flavor.ID || g.ImageID != p.Image.ID || c.FlavorID != p.Flavor.ID || c.FixedNetwork != p.Network.ID || c.FixedSubnet != p.Subnet.ID ||
		p.Keypair.Name != "test-keypair" || p.Keypair.PublicKey == "" || p.BootVolume.Type != "General HDD" || p.BootVolume.SizeGB != 20 || p.Zone != "kr-pub-a" {
		t.Errorf("plan %+v", p)
	}
}

func TestFormsThatClientsSend(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, c := range map[string]struct {
		edit  func(body, labels map[string]any)
		check func(p *ClusterPlan) bool
	}{
		"node_count as a string":       {set("node_count", "3"), func(p *ClusterPlan) bool { return p.Group.NodeCount == 3 }},
		"largest node_count":           {set("node_count", 10), func(p *ClusterPlan) bool { return p.Group.NodeCount == 10 }},
		"create_timeout null":          {set("create_timeout", nil), func(p *ClusterPlan) bool { return p.Cluster.CreateTimeout == 60 }},
		"create_timeout not sent":      {unset("create_timeout"), func(p *ClusterPlan) bool { return p.Cluster.CreateTimeout == 60 }},
		"create_timeout as a string":   {set("create_timeout", "5"), func(p *ClusterPlan) bool { return p.Cluster.CreateTimeout == 5 }},
		"discovery_url null":           {set("discovery_url", nil), func(p *ClusterPlan) bool { return p.Cluster.DiscoveryURL == nil }},
		"master_count":                 {set("master_count", 3), func(p *ClusterPlan) bool { return *p.Cluster.MasterCount == 3 }},
		"master_count as a string":     {set("master_count", "1"), func(p *ClusterPlan) bool { return *p.Cluster.MasterCount == 1 }},
		"template by its UUID":         {set("cluster_template_id", hanok.TemplateUUID), ok},
		"Magnum's nulls":               {set("docker_volume_size", nil, "master_flavor_id", nil, "floating_ip_enabled", nil, "master_lb_enabled", nil), ok},
		"Magnum's off-values":          {set("floating_ip_enabled", false, "merge_labels", true, "master_lb_enabled", true, "addons", []any{}), ok},
		"endpoint ACL off":             {set("api_ep_ipacl", map[string]any{"enable": "false"}), ok},
		"booleans and numbers":         {label("cert_manager_api", true, "ca_enable", false, "boot_volume_size", 20), func(p *ClusterPlan) bool { return p.Cluster.Labels["boot_volume_size"] == "20" }},
		"private endpoint":             {label("master_lb_floating_ip_enabled", "False"), func(p *ClusterPlan) bool { return !p.Cluster.PublicEndpoint() }},
		"any zone":                     {label("availability_zone", ""), func(p *ClusterPlan) bool { return p.Zone == "" }},
		"facts of responses sent back": {label("os_distro", "CentOS", "flavor_type", "core"), func(p *ClusterPlan) bool { return p.Cluster.Labels["os_distro"] == "CentOS" }},
		"the off-values of labels":     {label("strict_sg_rules", "False", "extra_volumes", []any{}, "extra_security_groups", "", "ncr_sgw", "", "cni_driver", "flannel"), ok},
		"scripts": {label("user_script", "#!/bin/sh\n", "user_script_v2", "#!/bin/bash\n"), func(p *ClusterPlan) bool {
			return p.Group.Labels["user_script"] == "#!/bin/sh\n" && p.Group.Labels["user_script_v2"] == "#!/bin/bash\n"
		}},
		"extra volumes": {label("extra_volumes", []any{
			map[string]any{"volume_type": "General SSD", "volume_size": 3, "volume_mount_path": "/data", "volume_key_id": "", "volume_appkey": nil},
			map[string]any{"volume_type": "General HDD", "volume_size": "1"},
		}), func(p *ClusterPlan) bool {
			return slices.Equal(p.Group.ExtraVolumes(), []hanok.ExtraVolume{{Type: "General SSD", SizeGB: 3, MountPath: "/data"}, {Type: "General HDD", SizeGB: 1}})
		}},
		"ranges of one's own": {label("service_cluster_ip_range", "10.20.0.0/16", "pods_network_cidr", "10.30.0.0/18", "pods_network_subnet", 26), func(p *ClusterPlan) bool {
			return p.Cluster.PodSubnetSize() == 26 && p.Cluster.PodCIDR().String() == "10.30.0.0/18"
		}},
		"bounds of the group": {label("ca_min_node_count", "2", "ca_max_node_count", "5"), func(p *ClusterPlan) bool {
			return p.Group.MinNodeCount == 2 && *p.Group.MaxNodeCount == 5
		}},
		"no bounds of the group": {drop("ca_min_node_count", "ca_max_node_count"), func(p *ClusterPlan) bool {
			_, echoed := p.Cluster.Labels["ca_max_node_count"]
			return !echoed && p.Group.Labels["ca_min_node_count"] == "1" && p.Group.Labels["ca_max_node_count"] == "10"
		}},
		"isolated subnet": {func(body, labels map[string]any) {
			body["fixed_subnet"] = f.ids.isolated
			labels["master_lb_floating_ip_enabled"] = "False"
			drop("external_network_id", "external_subnet_id_list")(body, labels)
		}, ok},
	} {
		p, err := f.admit(f.request(c.edit))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !c.check(p) {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestOldGuidesRequest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, err := f.admit(f.request(func(body, labels map[string]any) {
		body["discovery_url"], body["master_count"] = nil, 1
		delete(labels, "user_script_v2")
		labels["user_script"] = ""
	}))
	must(t, err)
}

func TestNotBuilt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, c := range map[string]struct {
		edit func(body, labels map[string]any)
		want string
	}{
		"autoscaler": {label("ca_enable", "True", "ca_scale_down_delay_after_add", "10"), "labels.ca_enable: "},
		"several": {label("strict_sg_rules", "True", "extra_volumes", []any{map[string]any{"volume_type": "General HDD", "volume_size": 1, "volume_key_id": "k"}}),
			"labels.extra_volumes[].volume_key_id, labels.strict_sg_rules: "},
		"calico-ebpf":       {label("cni_driver", "calico-ebpf"), "labels.cni_driver: "},
		"addons":            {set("addons", []any{map[string]any{"name": "calico"}}), "addons: "},
		"ACL":               {set("api_ep_ipacl", map[string]any{"enable": true}), "api_ep_ipacl: "},
		"docker volume":     {set("docker_volume_size", 5), "docker_volume_size: "},
		"floating IPs":      {set("floating_ip_enabled", true), "floating_ip_enabled: "},
		"master flavor":     {set("master_flavor_id", "m2"), "master_flavor_id: "},
		"no load balancer":  {set("master_lb_enabled", false), "master_lb_enabled: "},
		"field and a label": {both(set("addons", "x"), label("obs_sgw", "x")), "addons, labels.obs_sgw: "},
	} {
		p, err := f.admit(f.request(c.edit))
		if p != nil || hanok.KindOf(err) != hanok.KindNotImplemented || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q not implemented", name, err, c.want)
		}
	}
	// A broken rule comes first: the user learns of it before of what is missing.
	_, err := f.admit(f.request(label("ca_enable", "True", "ca_scale_down_delay_after_add", "3")))
	if hanok.KindOf(err) != hanok.KindInvalid || !strings.HasPrefix(err.Error(), "labels.ca_scale_down_delay_after_add: ") {
		t.Errorf("autoscaler out of bounds: %v", err)
	}
}

// ok accepts any plan.
func ok(*ClusterPlan) bool { return true }

type edit = func(body, labels map[string]any)

// set changes fields of the body: name, value, name, value, …
func set(pairs ...any) edit {
	return func(body, _ map[string]any) { assign(body, pairs) }
}

// label changes labels.
func label(pairs ...any) edit {
	return func(_, labels map[string]any) { assign(labels, pairs) }
}

func assign(m map[string]any, pairs []any) {
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
}

func unset(names ...string) edit {
	return func(body, _ map[string]any) {
		for _, n := range names {
			delete(body, n)
		}
	}
}

func drop(names ...string) edit {
	return func(_, labels map[string]any) {
		for _, n := range names {
			delete(labels, n)
		}
	}
}

func both(edits ...edit) edit {
	return func(body, labels map[string]any) {
		for _, e := range edits {
			e(body, labels)
		}
	}
}

func FuzzCreateCluster(f *testing.F) {
	fix := newFixture(f)
	f.Add(fix.request(nil))
	f.Add(fix.request(label("extra_volumes", []any{map[string]any{"volume_size": 100}})))
	f.Add([]byte(`{"name":"a","name":"b"}`))
	f.Add([]byte(`{"labels":{"kube_tag":"\ud800"}}`))
	f.Add([]byte(`[[[[[[[[[[[[[[[[[[[[`))
	f.Add([]byte("\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		plan, err := fix.admit(body)
		kind := hanok.KindOf(err)
		switch {
		case err == nil && plan == nil, err != nil && plan != nil:
			t.Errorf("plan %v and error %v", plan, err)
		case err != nil && kind != hanok.KindInvalid && kind != hanok.KindNotImplemented:
			t.Errorf("error %v of kind %d", err, kind)
		case err == nil && !json.Valid(body):
			t.Error("a body that is not JSON was admitted")
		}
	})
}
