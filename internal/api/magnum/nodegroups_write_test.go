package magnum

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hanok/hanok"
)

// goodGroup is the newer guide's request with the ids of the catalogue.
func (c *cloud) goodGroup(edit func(body, labels map[string]any)) map[string]any {
	labels := map[string]any{"availability_zone": "kr-pub-a", "boot_volume_size": "20", "boot_volume_type": "General HDD", "ca_enable": "false"}
	body := map[string]any{
		"name": "added-nodegroup", "node_count": 2, "flavor_id": c.good["flavor_id"],
		"image_id": c.good["labels"].(map[string]any)["node_image"], "labels": labels,
	}
	if edit != nil {
		edit(body, labels)
	}
	return body
}

func TestCreateNodeGroup(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cl, _ := c.put(c.admin.ProjectID, "k8s")
	const path = "/v1/clusters/k8s/nodegroups"
	a := c.call(c.admin, http.MethodPost, path, c.goodGroup(nil))
	labels, _ := a.body["labels"].(map[string]any)
	if a.Code != 202 || a.body["uuid"] == "" || a.body["name"] != "added-nodegroup" || a.body["cluster_id"] != cl.UUID || a.body["role"] != "worker" {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	for name, want := range map[string]string{ // as the guide's example fills them in
		"ca_min_node_count": "1", "ca_max_node_count": "10", "ca_scale_down_enable": "true", "ca_scale_down_unneeded_time": "10",
		"ca_scale_down_util_thresh": "50", "ca_enable": "false", "boot_volume_size": "20",
	} {
		if labels[name] != want {
			t.Errorf("label %s is %v, want %q", name, labels[name], want)
		}
	}
	// What openstack coe sends besides; node_count is 1 by default.
	a = c.call(c.admin, http.MethodPost, path+"/", c.goodGroup(func(body, _ map[string]any) {
		delete(body, "node_count")
		body["role"], body["min_node_count"], body["max_node_count"] = "worker", 0, nil
	}))
	if a.Code != 202 || a.body["node_count"] != float64(1) || a.body["min_node_count"] != float64(0) {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	asked := len(c.engine.groups)
	for name, tt := range map[string]struct {
		edit  func(body, labels map[string]any)
		code  int
		field string
	}{
		"no name":            {func(b, _ map[string]any) { delete(b, "name") }, 400, "name: "},
		"bad name":           {func(b, _ map[string]any) { b["name"] = "Added" }, 400, "name: "},
		"the master's name":  {func(b, _ map[string]any) { b["name"] = "default-master" }, 400, "name: "},
		"no flavor":          {func(b, _ map[string]any) { delete(b, "flavor_id") }, 400, "flavor_id: "},
		"unknown flavor":     {func(b, _ map[string]any) { b["flavor_id"] = "99999999-9999-4999-8999-999999999999" }, 400, "flavor_id: "},
		"unknown image":      {func(b, _ map[string]any) { b["image_id"] = "99999999-9999-4999-8999-999999999999" }, 400, "image_id: "},
		"too many":           {func(b, _ map[string]any) { b["node_count"] = 11 }, 400, "node_count: "},
		"none":               {func(b, _ map[string]any) { b["node_count"] = 0 }, 400, "node_count: "},
		"a word":             {func(b, _ map[string]any) { b["node_count"] = "two" }, 400, "node_count: "},
		"role":               {func(b, _ map[string]any) { b["role"] = "master" }, 400, "role: "},
		"unknown field":      {func(b, _ map[string]any) { b["keypair"] = "k" }, 400, "keypair: "},
		"no labels":          {func(b, _ map[string]any) { delete(b, "labels") }, 400, "labels: "},
		"no zone":            {func(_, l map[string]any) { delete(l, "availability_zone") }, 400, "labels.availability_zone: "},
		"unknown zone":       {func(_, l map[string]any) { l["availability_zone"] = "moon" }, 400, "labels.availability_zone: "},
		"unknown type":       {func(_, l map[string]any) { l["boot_volume_type"] = "Tape" }, 400, "labels.boot_volume_type: "},
		"volume too small":   {func(_, l map[string]any) { l["boot_volume_size"] = 1 }, 400, "labels.boot_volume_size: "},
		"a cluster's label":  {func(_, l map[string]any) { l["pods_network_cidr"] = "10.1.0.0/16" }, 400, "labels.pods_network_cidr: "},
		"unknown label":      {func(_, l map[string]any) { l["color"] = "red" }, 400, "labels.color: "},
		"script without #!":  {func(_, l map[string]any) { l["user_script_v2"] = "echo" }, 400, "labels.user_script_v2: "},
		"autoscaler":         {func(_, l map[string]any) { l["ca_enable"] = "True" }, 501, "labels.ca_enable: "},
		"bounds that cross":  {func(b, _ map[string]any) { b["min_node_count"], b["max_node_count"] = 5, 2 }, 400, "min_node_count: "},
		"fewer than min":     {func(b, _ map[string]any) { b["min_node_count"], b["node_count"] = 3, 2 }, 400, "node_count: "},
		"more than max":      {func(b, _ map[string]any) { b["max_node_count"], b["node_count"] = 2, 3 }, 400, "node_count: "},
		"too many volumes":   {func(_, l map[string]any) { l["extra_volumes"] = []any{1, 2, 3, 4} }, 400, "labels.extra_volumes"},
		"volume of no type":  {func(_, l map[string]any) { l["extra_volumes"] = []any{map[string]any{"volume_size": 1}} }, 400, "labels.extra_volumes"},
		"network not built":  {func(_, l map[string]any) { l["additional_network_id_list"] = "x" }, 501, "labels.additional_network_id_list: "},
		"labels of one kind": {func(b, _ map[string]any) { b["labels"] = "x" }, 400, "labels: "},
	} {
		if a := c.call(c.admin, http.MethodPost, path, c.goodGroup(tt.edit)); a.Code != tt.code || !strings.HasPrefix(a.detail(), tt.field) {
			t.Errorf("%s: %d %.200s; want %d on %s", name, a.Code, a.Body, tt.code, tt.field)
		}
	}
	if a := c.call(c.reader, http.MethodPost, path, c.goodGroup(nil)); a.Code != 403 {
		t.Errorf("a reader: %d", a.Code)
	}
	if a := c.call(c.other, http.MethodPost, path, c.goodGroup(nil)); a.Code != 404 {
		t.Errorf("another project: %d", a.Code)
	}
	if len(c.engine.groups) != asked {
		t.Errorf("refused requests reached the engine: %v", c.engine.groups[asked:])
	}
}

// TestGroupRequests sends what clients send and looks at what the engine is
// asked for and what they hear.
func TestGroupRequests(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cl, _ := c.put(c.admin.ProjectID, "k8s")
	const (
		one, two = "593e4aee-697f-4808-aa5b-d3c8703795ff", "ce2e2d2a-ddf5-41da-a338-72e7f5237088"
		group    = "018b2cf2-0b77-4c6c-9d73-7a3c47bb9c44"
		ng       = "/v1/clusters/k8s/nodegroups/added"
		resize   = "/v1/clusters/k8s/actions/resize"
	)
	flavor := c.good["flavor_id"].(string)
	for _, tt := range []struct {
		method, path, body string
		code               int
		uuid               string // of the answer
		asked              string
	}{
		{"POST", resize, `{"node_count":3,"nodegroup":"default-worker"}`, 202, cl.UUID, `resize "default-worker" to 3 without []`},
		{"POST", resize, `{"node_count":"3","nodegroup":null,"nodes_to_remove":[]}`, 202, cl.UUID, `resize "" to 3 without []`},
		{"POST", resize, `{"node_count":1,"nodegroup":"added","nodes_to_remove":["` + strings.ToUpper(one) + `","` + two + `"]}`, 202, cl.UUID, `resize "added" to 1 without [` + one + ` ` + two + `]`},
		{"PATCH", "/v1/clusters/k8s", `[{"op":"replace","path":"/node_count","value":2}]`, 202, cl.UUID, `resize "" to 2 without []`},
		{"PATCH", ng, ` [{"op":"replace","path":"/node_count","value":"4"}]`, 202, group, `resize "added" to 4 without []`},
		{"PATCH", ng, `[{"op":"replace","path":"/min_node_count","value":1},{"op":"add","path":"/max_node_count","value":5}]`, 202, group, `bounds added min true max true`},
		{"PATCH", ng, `{"type":"flavor_id","flavor_id":"` + flavor + `","num_max_unavailable_nodes":2}`, 202, group, `flavor ` + flavor + ` of added, 2 at a time`},
		{"POST", ng + "/stop_node", `{"node_list":"` + one + `:` + two + `"}`, 202, group, `stop added [` + one + ` ` + two + `]`},
		{"POST", ng + "/start_node", `{"node_list":"` + one + `"}`, 202, group, `start added [` + one + `]`},
		{"DELETE", ng, "", 204, "", "delete added"},

		{"POST", resize, `{"nodegroup":"added"}`, 400, "node_count: ", ""},
		{"POST", resize, `{"nodegroup":"added","node_count":0}`, 400, "node_count: ", ""},
		{"POST", resize, `{"nodegroup":"added","node_count":1000001}`, 400, "node_count: ", ""},
		{"POST", resize, `{"nodegroup":7,"node_count":1}`, 400, "nodegroup: ", ""},
		{"POST", resize, `{"node_count":1,"nodes_to_remove":"x"}`, 400, "nodes_to_remove: ", ""},
		{"POST", resize, `{"node_count":1,"nodes_to_remove":["x"]}`, 400, "nodes_to_remove: ", ""},
		{"POST", resize, `{"node_count":1,"nodes_to_remove":["` + one + `","` + one + `"]}`, 400, "nodes_to_remove: ", ""},
		{"POST", resize, `{"node_count":1,"force":true}`, 400, "force: ", ""},
		{"POST", ng + "/stop_node", `{"node_list":""}`, 400, "node_list: ", ""},
		{"POST", ng + "/stop_node", `{"node_list":"` + one + `,` + two + `"}`, 400, "node_list: ", ""},
		{"POST", ng + "/start_node", `{"node_list":"` + one + `:` + one + `"}`, 400, "node_list: ", ""},
		{"POST", ng + "/start_node", `{"node_list":["` + one + `"]}`, 400, "node_list: ", ""},
		{"PATCH", ng, `{"type":"flavor_id","flavor_id":"` + one + `"}`, 400, "flavor_id: ", ""},
		{"PATCH", ng, `{"type":"flavour"}`, 400, "type: ", ""},
		{"PATCH", "/v1/clusters/k8s", `{"type":"control_plane_log"}`, 501, "type: ", ""},
		{"PATCH", "/v1/clusters/k8s", `{"type":"name"}`, 400, "type: ", ""},
		{"PATCH", "/v1/clusters/k8s", `{}`, 400, "type: ", ""},
		{"PATCH", "/v1/clusters/k8s", `"x"`, 400, "body: ", ""},
		{"PATCH", ng, `{"type":"k8s_node_labels"}`, 501, "type: ", ""},
		{"PATCH", ng, `[]`, 400, "body: ", ""},
		{"PATCH", ng, `[{"op":"replace","path":"/node_count","value":1000001}]`, 400, "/node_count: ", ""},
		{"PATCH", ng, `[{"op":"replace","path":"/node_count"}]`, 400, "/node_count: ", ""},
		{"PATCH", ng, `[{"op":"replace","path":"/node_count","value":2},{"op":"replace","path":"/min_node_count","value":2}]`, 400, "/node_count: ", ""},
		{"PATCH", ng, `[{"op":"remove","path":"/node_count"}]`, 400, "op: ", ""},
		{"PATCH", ng, `[{"op":"replace","path":"/name","value":"x"}]`, 400, "path: ", ""},
		{"PATCH", ng, `[1]`, 400, "body: ", ""},
		{"PATCH", "/v1/clusters/k8s", `[{"op":"replace","path":"/min_node_count","value":2}]`, 400, "path: ", ""},
		{"PATCH", "/v1/clusters/k8s", `{"type":"control_plane_log"}`, 501, "", ""},
	} {
		before := len(c.engine.groups)
		a := c.call(c.admin, tt.method, tt.path, tt.body)
		if a.Code != tt.code {
			t.Errorf("%s %s %s: %d %s; want %d", tt.method, tt.path, tt.body, a.Code, a.Body, tt.code)
			continue
		}
		if a.Code >= 400 {
			if !strings.HasPrefix(a.detail(), tt.uuid) || len(c.engine.groups) != before {
				t.Errorf("%s %s: %s, want field %q; the engine was asked for %v", tt.path, tt.body, a.detail(), tt.uuid, c.engine.groups[before:])
			}
			continue
		}
		if tt.uuid != "" && a.body["uuid"] != tt.uuid {
			t.Errorf("%s %s: answers %s, want the uuid %s", tt.method, tt.path, a.Body, tt.uuid)
		}
		if got := c.engine.groups[before:]; !slices.Equal(got, []string{tt.asked}) {
			t.Errorf("%s %s %s: the engine was asked for %q, want %q", tt.method, tt.path, tt.body, got, tt.asked)
		}
	}
	for _, path := range []string{"/v1/clusters/k8s/nodegroups/default-master", "/v1/clusters/k8s/nodegroups/Default-Master"} {
		if a := c.call(c.admin, http.MethodDelete, path, nil); a.Code != 403 {
			t.Errorf("DELETE %s: %d", path, a.Code)
		}
	}
	c.engine.fail = hanok.NotFound("node group", "none")
	if a := c.call(c.admin, http.MethodPost, resize, `{"node_count":1,"nodegroup":"none"}`); a.Code != 400 || !strings.HasPrefix(a.detail(), "nodegroup: ") {
		t.Errorf("an unknown group in the body: %d %s", a.Code, a.Body)
	}
	if a := c.call(c.admin, http.MethodDelete, "/v1/clusters/k8s/nodegroups/none", nil); a.Code != 404 {
		t.Errorf("an unknown group in the path: %d %s", a.Code, a.Body)
	}
	c.engine.fail = hanok.Errorf(hanok.KindConflict, "an operation is running")
	if a := c.call(c.admin, http.MethodPost, ng+"/stop_node", `{"node_list":"`+one+`"}`); a.Code != 409 {
		t.Errorf("a busy group: %d %s", a.Code, a.Body)
	}
}
