package catalogue

import (
	"net/http"
	"strings"
	"testing"
)

func TestFlavors(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p := f.token.ProjectID
	// With and without the project, by both versions, with a slash at the end.
	for _, path := range []string{
		"/compute/v2/" + p + "/flavors/detail", "/compute/v2.1/" + p + "/flavors/detail",
		"/compute/v2/flavors/detail", "/compute/v2.1/flavors/detail", "/compute/v2.1/flavors/detail/",
	} {
		a := f.get(path)
		if names := a.field("flavors", "name"); !strings.HasPrefix(names, "t2.c1m1 m2.c1m2 ") {
			t.Errorf("%s lists %s", path, names)
		}
		for field, want := range map[string]any{
			"flavors/0/id": f.Flavor.ID, "flavors/0/vcpus": 1.0, "flavors/0/ram": 1024.0, "flavors/0/disk": 0.0,
			"flavors/0/os-flavor-access:is_public": true, "flavors/0/extra_specs/flavor_type": "general",
		} {
			if got := a.At(field); got != want {
				t.Errorf("%s: %s = %v, want %v", path, field, got, want)
			}
		}
	}
	brief := f.get("/compute/v2/" + p + "/flavors")
	if brief.At("flavors/0/ram") != nil || brief.At("flavors/0/name") != "t2.c1m1" || brief.At("flavors/0/links/0/rel") != "self" {
		t.Errorf("the list without detail: %v", brief.At("flavors/0"))
	}
	for query, want := range map[string]string{
		"minRam=16384": "r2.c4m16 m2.c8m16", "minRam=16384&minDisk=0": "r2.c4m16 m2.c8m16", "minDisk=1": "",
		"is_public=None&limit=2": "t2.c1m1 m2.c1m2", "limit=1&marker=" + f.Flavor.ID: "m2.c1m2",
		"name=r2.c2m8": "r2.c2m8", "sort_key=ram&sort_dir=desc&limit=2": "r2.c4m16 m2.c8m16",
	} {
		if got := f.get("/compute/v2.1/flavors/detail?"+query).field("flavors", "name"); got != want {
			t.Errorf("?%s lists %q, want %q", query, got, want)
		}
	}
	one := f.get("/compute/v2.1/" + p + "/flavors/" + f.Flavor.ID)
	if one.At("flavor/name") != "t2.c1m1" || one.At("flavor/ram") != 1024.0 {
		t.Errorf("one flavor: %s", one.Raw)
	}
	if specs := f.get("/compute/v2.1/flavors/" + f.Flavor.ID + "/os-extra_specs"); specs.At("extra_specs/flavor_type") != "general" {
		t.Errorf("extra specs: %s", specs.Raw)
	}
}

// TestPaging follows a list's next links to its end.
func TestPaging(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var names []string
	path := "/compute/v2.1/flavors/detail?limit=4&minRam=2048"
	for range 10 {
		a := f.get(path)
		names = append(names, strings.Fields(a.field("flavors", "name"))...)
		next, _ := a.At("flavors_links/0/href").(string)
		if next == "" {
			break
		}
		if a.At("flavors_links/0/rel") != "next" {
			t.Errorf("links %v", a.At("flavors_links"))
		}
		path = strings.TrimPrefix(next, f.server.URL)
	}
	if len(names) != 10 {
		t.Errorf("the pages hold %d flavors, want 10: %v", len(names), names)
	}
}

func TestServers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.get("/compute/v2/" + f.token.ProjectID + "/servers/detail")
	if ids, want := a.field("servers", "id"), firstNode+" "+secondNode; ids != want {
		t.Fatalf("servers %q, want the nodes with a machine %q", ids, want)
	}
	for field, want := range map[string]any{
		"name": "prod-default-w-1", "status": "ACTIVE", "tenant_id": f.token.ProjectID, "user_id": f.token.UserID,
		"flavor/id": f.Flavor.ID, "image/id": f.Image.ID, "key_name": "mykey", "created": "2026-03-01T09:00:00Z",
		"addresses/Default Network/0/addr": "192.168.0.5", "addresses/Default Network/0/version": 4.0,
		"OS-EXT-AZ:availability_zone": "kr-pub-a", "OS-EXT-STS:vm_state": "active", "OS-EXT-STS:power_state": 1.0,
		"OS-SRV-USG:launched_at": "2026-03-01T09:00:00.000000", "metadata/cluster_uuid": clusterUUID, "metadata/nodegroup_uuid": groupUUID, "metadata/nodegroup_name": "default-worker",
		"links/0/href": f.server.URL + "/compute/v2.1/" + f.token.ProjectID + "/servers/" + firstNode,
	} {
		if got := a.At("servers/0/" + field); got != want {
			t.Errorf("%s = %v, want %v", field, got, want)
		}
	}
	if got := a.At("servers/1/status"); got != "SHUTOFF" {
		t.Errorf("status of the second is %v", got)
	}
	for query, want := range map[string]string{
		"deleted=False": firstNode + " " + secondNode, "status=shutoff": secondNode, "status=ERROR": "",
		"name=w-1": firstNode, "name=%5Eprod": firstNode + " " + secondNode, "ip=0.6%24": secondNode,
		"flavor=" + f.Flavor.ID: firstNode + " " + secondNode, "image=none": "", "key_name=mykey&limit=1": firstNode,
		"marker=" + firstNode: secondNode, "availability_zone=kr-pub-b": "",
	} {
		if got := f.get("/compute/v2.1/servers/detail?"+query).field("servers", "id"); got != want {
			t.Errorf("?%s lists %q, want %q", query, got, want)
		}
	}
	brief := f.get("/compute/v2.1/servers")
	if brief.At("servers/0/name") != "prod-default-w-1" || brief.At("servers/0/status") != nil {
		t.Errorf("the list without detail: %s", brief.Raw)
	}
	if one := f.get("/compute/v2.1/servers/" + firstNode); one.At("server/name") != "prod-default-w-1" {
		t.Errorf("one server: %s", one.Raw)
	}
	if m := f.get("/compute/v2.1/servers/" + firstNode + "/metadata"); m.At("metadata/cluster_name") != "prod" {
		t.Errorf("metadata: %s", m.Raw)
	}
	if i := f.get("/compute/v2.1/servers/" + firstNode + "/os-interface"); i.At("interfaceAttachments/0/fixed_ips/0/ip_address") != "192.168.0.5" {
		t.Errorf("interfaces: %s", i.Raw)
	}
	if v := f.get("/compute/v2.1/servers/" + firstNode + "/os-volume_attachments"); v.At("volumeAttachments") == nil {
		t.Errorf("volumes: %s", v.Raw)
	}
}

// TestServersOfAnotherProject: neither listed nor found, and members of the
// control plane not even by their own project.
func TestServersOfAnotherProject(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if a := f.do(f.eve, "GET", "/compute/v2.1/servers/detail?all_tenants=1", ""); a.Status != 200 || a.field("servers", "id") != "" {
		t.Errorf("another project lists %d %s", a.Status, a.Raw)
	}
	for _, path := range []string{"", "/metadata", "/os-interface", "/os-volume_attachments"} {
		if a := f.do(f.eve, "GET", "/compute/v2.1/servers/"+firstNode+path, ""); a.Status != 404 || a.At("itemNotFound/code") != 404.0 {
			t.Errorf("another project's server%s: %d %s", path, a.Status, a.Raw)
		}
		if a := f.do(f.token, "GET", "/compute/v2.1/servers/"+memberNode+path, ""); a.Status != 404 {
			t.Errorf("a control-plane member%s: %d %s", path, a.Status, a.Raw)
		}
	}
}

func TestZones(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, path := range []string{"/compute/v2/" + f.token.ProjectID + "/os-availability-zone", "/compute/v2.1/os-availability-zone/detail"} {
		a := f.get(path)
		if a.field("availabilityZoneInfo", "zoneName") != "kr-pub-a kr-pub-b" || a.At("availabilityZoneInfo/0/zoneState/available") != true {
			t.Errorf("%s: %s", path, a.Raw)
		}
	}
}

func TestVersionDocuments(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, test := range []struct {
		path   string
		status int
		field  string
		want   string
	}{
		{"/compute", 200, "versions/1/links/0/href", f.server.URL + "/compute/v2.1/"},
		{"/compute/v2.1", 200, "version/id", "v2.1"},
		{"/compute/v2.1/", 200, "version/status", "CURRENT"},
		{"/compute/v2/" + f.token.ProjectID, 200, "version/id", "v2.0"},
		{"/network", 200, "versions/0/id", "v2.0"},
		{"/network/v2.0", 200, "resources/0/collection", "networks"},
		{"/image", 300, "versions/0/links/0/href", f.server.URL + "/image/v2/"},
		{"/image/v2", 300, "versions/0/status", "CURRENT"},
		{"/volume", 300, "versions/1/id", "v3.0"},
		{"/volume/v3/" + f.token.ProjectID, 200, "versions/0/id", "v3.0"},
		{"/volume/v3/", 200, "versions/0/links/0/href", f.server.URL + "/volume/v3/"},
	} {
		a := f.do(noToken, "GET", test.path, "")
		if a.Status != test.status || a.At(test.field) != test.want {
			t.Errorf("%s: %d, %s = %v, want %d, %s", test.path, a.Status, test.field, a.At(test.field), test.status, test.want)
		}
	}
}

// TestErrors: each service answers in its own error shape.
func TestErrors(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p := f.token.ProjectID
	for _, test := range []struct {
		method, path string
		status       int
		field        string // that holds the message
		message      string
	}{
		{"GET", "/compute/v2.1/flavors/none", 404, "itemNotFound/message", "flavor none"},
		{"GET", "/compute/v2.1/os-hypervisors", 404, "itemNotFound/message", "os-hypervisors"},
		{"GET", "/compute/v3/flavors", 404, "itemNotFound/message", "v3"},
		{"GET", "/compute/v2.1/" + f.eve.ProjectID + "/flavors", 400, "badRequest/message", f.eve.ProjectID},
		{"GET", "/compute/v2.1/flavors?marker=none", 400, "badRequest/message", "marker"},
		{"GET", "/compute/v2.1/flavors?limit=x", 400, "badRequest/message", "limit"},
		{"GET", "/compute/v2.1/flavors?limit=-1", 400, "badRequest/message", "limit"},
		{"GET", "/compute/v2.1/flavors?minRam=x", 400, "badRequest/message", "minRam"},
		{"GET", "/compute/v2.1/flavors?bogus=1", 400, "badRequest/message", "bogus"},
		{"GET", "/compute/v2.1/flavors?sort_key=bogus", 400, "badRequest/message", "sort_key"},
		{"GET", "/compute/v2.1/flavors?sort_key=ram&sort_dir=up", 400, "badRequest/message", "sort_dir"},
		{"GET", "/compute/v2.1/servers/detail?name=%5B", 400, "badRequest/message", "name"},
		{"POST", "/compute/v2.1/" + p + "/servers", 405, "badMethod/message", "POST"},
		{"DELETE", "/compute/v2.1/servers/" + firstNode, 405, "badMethod/message", "DELETE"},
		{"POST", "/compute/v2.1", 405, "badMethod/message", "POST"},
		{"GET", "/network/v2.0/networks/none", 404, "NeutronError/message", "network none"},
		{"GET", "/network/v2.0/subnets/none", 404, "NeutronError/message", "subnet none"},
		{"GET", "/network/v2.0/vpcs/none", 404, "NeutronError/message", "network none"},
		{"GET", "/network/v2.0/vpcsubnets/none", 404, "NeutronError/message", "subnet none"},
		{"GET", "/network/v2.0/floatingips", 404, "NeutronError/message", "floatingips"},
		{"GET", "/network/v2.0/networks?bogus=1", 400, "NeutronError/message", "bogus"},
		{"POST", "/network/v2.0/networks", 405, "NeutronError/message", "POST"},
		{"GET", "/image/v2/images/none", 404, "message", "image none"},
		{"GET", "/image/v2/tasks", 404, "message", "tasks"},
		{"DELETE", "/image/v2/images/" + f.Image.ID, 405, "message", "DELETE"},
		{"GET", "/volume/v3/types/none", 404, "itemNotFound/message", "volume type none"},
		{"GET", "/volume/v3/volumes/none", 404, "itemNotFound/message", "volume none"},
		{"GET", "/volume/v3/backups", 404, "itemNotFound/message", "backups"},
		{"POST", "/volume/v3/volumes", 405, "badMethod/message", "POST"},
	} {
		a := f.do(f.token, test.method, test.path, "")
		message, _ := a.At(test.field).(string)
		if a.Status != test.status || !strings.Contains(message, test.message) {
			t.Errorf("%s %s: %d %s\nwant %d with %s to name %q", test.method, test.path, a.Status, a.Raw, test.status, test.field, test.message)
		}
	}
}

// TestNoToken: nothing but version documents is for everybody.
func TestNoToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, path := range []string{
		"/compute/v2.1/flavors", "/compute/v2.1/" + f.token.ProjectID + "/servers/detail", "/compute/v2/os-keypairs", "/compute/v2/nothing",
		"/network/v2.0/networks", "/network/v2.0/vpcsubnets", "/image/v2/images", "/volume/v3/" + f.token.ProjectID + "/types",
	} {
		a := f.do(noToken, "GET", path, "")
		if a.Status != http.StatusUnauthorized || a.Header.Get("WWW-Authenticate") == "" || a.At("error/code") != 401.0 {
			t.Errorf("%s without a token: %d %s", path, a.Status, a.Raw)
		}
	}
	// A reader may not write.
	if a := f.do(f.eve, "POST", "/compute/v2.1/os-keypairs", `{"keypair":{"name":"x"}}`); a.Status != http.StatusForbidden {
		t.Errorf("a reader makes a key pair: %d %s", a.Status, a.Raw)
	}
}
