package catalogue

import "testing"

func TestSecurityGroups(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const path = "/network/v2.0/security-groups"
	all := f.get(path + "?name=default&tenant_id=" + f.token.ProjectID)
	id := all.field("security_groups", "id")
	if len(id) != 36 || all.At("security_groups/0/security_group_rules/1/direction") != "ingress" {
		t.Fatalf("%s", all.Raw)
	}
	if one := f.get(path + "/" + id); one.At("security_group/name") != "default" || one.At("security_group/project_id") != f.token.ProjectID {
		t.Errorf("%s", one.Raw)
	}
	if none := f.get(path + "?name=other"); none.field("security_groups", "id") != "" {
		t.Errorf("%s", none.Raw)
	}
	rules := f.get("/network/v2.0/security-group-rules?direction=egress&security_group_id=" + id)
	rule := rules.field("security_group_rules", "id")
	if len(rule) != 36 {
		t.Errorf("%s", rules.Raw)
	}
	if one := f.get("/network/v2.0/security-group-rules/" + rule); one.At("security_group_rule/direction") != "egress" {
		t.Errorf("%s", one.Raw)
	}
	if s := f.get("/compute/v2.1/servers/" + firstNode + "/os-security-groups"); s.field("security_groups", "id") != id {
		t.Errorf("%s", s.Raw)
	}
	for _, p := range []string{path + "/" + id, "/network/v2.0/security-group-rules/" + rule, "/compute/v2.1/servers/" + firstNode + "/os-security-groups"} {
		if a := f.do(f.eve, "GET", p, ""); a.Status != 404 {
			t.Errorf("another project's %s: %d %s", p, a.Status, a.Raw)
		}
	}
}

func TestServiceGateways(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.get("/network/v2.0/gateways/servicegateways?network_id=" + f.Network.ID)
	if list, ok := a.At("servicegateways").([]any); !ok || len(list) != 0 {
		t.Errorf("%s", a.Raw)
	}
	if a := f.do(f.token, "GET", "/network/v2.0/gateways/servicegateways/x", ""); a.Status != 404 {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}

func TestRoutingTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	all := f.get("/network/v2.0/routingtables?vpc_id=" + f.Network.ID)
	list := all.At("routingtables").([]any)
	if len(list) != 2 {
		t.Fatalf("%s", all.Raw)
	}
	for _, item := range list {
		table := item.(map[string]any)
		one := f.get("/network/v2.0/routingtables/" + table["id"].(string))
		subnet := one.At("routingtable/subnets/0/id")
		if gateway := one.At("routingtable/gateway_id"); (gateway != "") != (subnet == f.Subnet.ID) {
			t.Errorf("subnet %v has the gateway %v", subnet, gateway)
		}
		if a := f.do(f.eve, "GET", "/network/v2.0/routingtables/"+table["id"].(string), ""); a.Status != 404 {
			t.Errorf("another project's: %d %s", a.Status, a.Raw)
		}
	}
}

func TestImageFilters(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for query, found := range map[string]bool{
		"nhncloud_product=container&visibility=public": true, "nhncloud_allow_nks_cpu_flavor=true": true,
		"visibility=all": true, "visibility=private": false, "status=in:queued,active": true, "status=in:queued": false,
		"size_min=0": true, "size_min=1000000000000": false, "size_max=0": true, "tag=x": false, "id=" + f.Image.ID: true, "sort=name:asc": true,
		"nhncloud_product=compute": false, "os_distro=Debian": true, "os_hidden=false": true, "member_status=all": true,
	} {
		a := f.get("/image/v2/images?" + query)
		if got := a.field("images", "id") != ""; got != found {
			t.Errorf("%s: found %v, want %v: %s", query, got, found, a.Raw)
		}
	}
	if a := f.do(f.token, "GET", "/image/v2/images?size_min=x", ""); a.Status != 400 {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}
