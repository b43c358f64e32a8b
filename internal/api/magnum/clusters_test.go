package magnum

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

// Fields of the guides' response examples.
var (
	summaryFields = []string{
		"cluster_template_id", "create_timeout", "docker_volume_size", "flavor_id", "health_status", "keypair", "labels", "links",
		"name", "node_count", "stack_id", "status", "uuid", "master_count", "master_flavor_id",
	}
	detailFields = append([]string{
		"api_address", "coe_version", "container_version", "created_at", "fixed_network", "fixed_subnet", "floating_ip_enabled",
		"health_status_reason", "node_addresses", "project_id", "status_reason", "updated_at", "user_id", "discovery_url", "master_addresses",
	}, summaryFields...)
)

// sameFields checks that an object has exactly these fields.
func sameFields(t *testing.T, what string, got any, want []string) {
	t.Helper()
	m, _ := got.(map[string]any)
	if have, want := slices.Sorted(maps.Keys(m)), slices.Sorted(slices.Values(want)); !slices.Equal(have, want) {
		t.Errorf("%s has the fields\n%v; want\n%v", what, have, want)
	}
}

func TestGetCluster(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cl, _ := c.put(c.admin.ProjectID, "k8s-test")
	for _, path := range []string{"/v1/clusters/" + cl.UUID, "/v1/clusters/k8s-test", "/v1/clusters/k8s-test/", "/v1/clusters/" + strings.ToUpper(cl.UUID)} {
		a := c.get(path)
		if a.Code != 200 {
			t.Fatalf("%s: %d %s", path, a.Code, a.Body)
		}
		sameFields(t, path, a.body, detailFields)
		for field, want := range map[string]any{
			"uuid": cl.UUID, "name": "k8s-test", "cluster_template_id": hanok.TemplateUUID, "node_count": 2.0, "create_timeout": 60.0,
			"status": "CREATE_COMPLETE", "status_reason": nil, "health_status": "HEALTHY", "health_status_reason": map[string]any{"api": "ok"},
			"api_address": "https://198.18.0.9:6443", "coe_version": "v1.30.3", "created_at": "2024-01-30T01:31:06+00:00", "updated_at": "2024-01-30T01:32:06+00:00",
			"docker_volume_size": nil, "floating_ip_enabled": false, "discovery_url": nil, "master_count": nil, "stack_id": cl.StackID,
			"node_addresses": []any{"192.168.0.40", "192.168.0.19"}, "master_addresses": []any{}, "project_id": c.admin.ProjectID,
			"links": []any{
				map[string]any{"rel": "self", "href": "http://cloud.example:9511/v1/clusters/" + cl.UUID},
				map[string]any{"rel": "bookmark", "href": "http://cloud.example:9511/clusters/" + cl.UUID},
			},
			"labels": map[string]any{
				"kube_tag": "v1.30.3", "cert_manager_api": "True", "extra_volumes": "[]", "boot_volume_type": "General HDD", "boot_volume_size": "20",
				"cni_driver": "flannel", "service_cluster_ip_range": "10.254.0.0/16", "pods_network_cidr": "10.100.0.0/16", "pods_network_subnet": "24",
			},
		} {
			if got := a.body[field]; !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %s is %v; want %v", path, field, got, want)
			}
		}
	}
}

func TestClusterThatIsYoung(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cl, _ := c.put(c.admin.ProjectID, "young")
	cl.HealthStatus, cl.HealthReason, cl.APIAddress, cl.Labels = "", nil, "", nil
	cl.StatusReason = "waiting"
	must(t, c.store.Update(context.Background(), func(tx store.Tx) error { return tx.PutCluster(cl) }))
	a := c.get("/v1/clusters/young")
	for field, want := range map[string]any{"health_status": nil, "health_status_reason": map[string]any{}, "api_address": nil, "status_reason": "waiting"} {
		if got := a.body[field]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v; want %v", field, got, want)
		}
	}
}

func TestLookUps(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.put(c.admin.ProjectID, "twin")
	twin, _ := c.put(c.admin.ProjectID, "twin")
	foreign, _ := c.put(c.other.ProjectID, "foreign")
	for path, want := range map[string]int{
		"twin": 409, twin.UUID: 200, "foreign": 404, foreign.UUID: 404, "nobody": 404, "99999999-9999-4999-8999-999999999999": 404,
		"..%2fclusters": 404, "%00": 404, strings.Repeat("x", 3000): 404,
	} {
		for _, sub := range []string{"", "/config", "/nodegroups", "/nodegroups/default-worker"} {
			if a := c.get("/v1/clusters/" + path + sub); a.Code != want {
				t.Errorf("GET %.60s%s: %d %s; want %d", path, sub, a.Code, a.Body, want)
			} else if want >= 400 && a.detail() == "" {
				t.Errorf("GET %.60s%s: an error without a detail: %s", path, sub, a.Body)
			}
		}
		if want != 200 {
			if a := c.call(c.admin, http.MethodDelete, "/v1/clusters/"+path, nil); a.Code != want {
				t.Errorf("DELETE %.60s: %d; want %d", path, a.Code, want)
			}
			if a := c.get("/v1/certificates/" + path); a.Code != want {
				t.Errorf("GET the CA of %.60s: %d; want %d", path, a.Code, want)
			}
		}
	}
	if a := c.call(c.admin, http.MethodPut, "/v1/clusters/"+foreign.UUID+"/images", "tar"); a.Code != 404 || c.engine.loaded != nil {
		t.Errorf("images for another project's cluster: %d", a.Code)
	}
	if len(c.engine.deleted) != 0 {
		t.Errorf("deleted %v", c.engine.deleted)
	}
	// The other project sees its own, and only that.
	if a := c.call(c.other, http.MethodGet, "/v1/clusters/foreign", nil); a.Code != 200 {
		t.Errorf("the owner's look: %d", a.Code)
	}
	if a := c.call(c.other, http.MethodGet, "/v1/clusters", nil); len(a.body["clusters"].([]any)) != 1 {
		t.Errorf("the owner's list: %s", a.Body)
	}
}

func TestListClusters(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	if a := c.get("/v1/clusters"); a.Code != 200 || strings.TrimSpace(a.Body.String()) != `{"clusters":[]}` {
		t.Errorf("none: %d %s", a.Code, a.Body)
	}
	c.put(c.admin.ProjectID, "a")
	list := c.get("/v1/clusters/").body["clusters"].([]any)
	if len(list) != 1 {
		t.Fatalf("%d clusters", len(list))
	}
	sameFields(t, "a cluster of the list", list[0], summaryFields)
	if n := list[0].(map[string]any)["node_count"]; n != 2.0 {
		t.Errorf("node_count %v", n)
	}
	sameFields(t, "a cluster of the detailed list", c.get("/v1/clusters/detail").body["clusters"].([]any)[0], detailFields)
}

func TestPaging(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	var ids []string
	for _, name := range []string{"c", "a", "e", "b", "d"} {
		cl, _ := c.put(c.admin.ProjectID, name)
		ids = append(ids, cl.UUID)
	}
	names := func(a reply) (s string) {
		clusters, _ := a.body["clusters"].([]any)
		for _, v := range clusters {
			s += v.(map[string]any)["name"].(string)
		}
		return s
	}
	for query, want := range map[string]string{
		"":                                  "caebd",
		"?sort_key=name":                    "abcde",
		"?sort_key=name&sort_dir=desc":      "edcba",
		"?sort_dir=desc":                    "dbeac",
		"?limit=2":                          "ca",
		"?limit=2&marker=" + ids[1]:         "eb",
		"?limit=100000":                     "caebd",
		"?marker=" + ids[4]:                 "",
		"?sort_key=name&marker=" + ids[3]:   "cde",
		"?sort_key=id&sort_dir=asc&limit=5": "caebd",
	} {
		a := c.get("/v1/clusters/" + query)
		if got := names(a); got != want || a.Code != 200 {
			t.Errorf("%s: %d %s; want %s", query, a.Code, got, want)
		}
	}
	// next appears on full pages only, is absolute, and walks to the end.
	var walked string
	for next := "/v1/clusters?limit=2&sort_key=name"; next != ""; {
		a := c.get(next)
		walked += names(a)
		full := len(names(a)) == 2
		link, has := a.body["next"].(string)
		if has != full || has && !strings.HasPrefix(link, "http://cloud.example:9511/v1/clusters?") {
			t.Fatalf("%s: next %q after %q", next, link, names(a))
		}
		next = strings.TrimPrefix(link, "http://cloud.example:9511")
	}
	if walked != "abcde" {
		t.Errorf("walked %s", walked)
	}
	for query, field := range map[string]string{
		"?limit=0": "limit: ", "?limit=-1": "limit: ", "?limit=x": "limit: ", "?limit=": "limit: ",
		"?sort_dir=up": "sort_dir: ", "?sort_key=secret": "sort_key: ", "?marker=x": "marker: ",
	} {
		if a := c.get("/v1/clusters" + query); a.Code != 400 || !strings.HasPrefix(a.detail(), field) {
			t.Errorf("%s: %d %s", query, a.Code, a.Body)
		}
	}
}

func TestCreateCluster(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	a := c.call(c.admin, http.MethodPost, "/v1/clusters", c.good, "Content-Type", "application/json", "OpenStack-API-Version", "container-infra latest")
	if a.Code != 202 || strings.TrimSpace(a.Body.String()) != `{"uuid":"5801ef8a-3760-4858-b467-fc4c1201241d"}` {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if len(c.engine.created) != 1 || c.engine.created[0].Group.NodeCount != 2 || c.engine.created[0].Cluster.ProjectID != c.admin.ProjectID {
		t.Errorf("the engine was asked for %+v", c.engine.created)
	}
	c.engine.fail = hanok.Errorf(hanok.KindUnavailable, "4096 MB of memory are wanted, 100 MB are left")
	if a := c.call(c.admin, http.MethodPost, "/v1/clusters", c.good); a.Code != 503 || !strings.Contains(a.detail(), "100 MB are left") {
		t.Errorf("a full machine: %d %s", a.Code, a.Body)
	}
	c.engine.fail = fmt.Errorf("disk: %w", context.Canceled)
	if a := c.call(c.admin, http.MethodPost, "/v1/clusters", c.good); a.Code != 500 || strings.Contains(a.Body.String(), "disk") {
		t.Errorf("a broken engine: %d %s", a.Code, a.Body)
	}
}

// TestBadCreateChangesNothing sends requests that are refused and compares
// what the store holds before and after.
func TestBadCreateChangesNothing(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.put(c.admin.ProjectID, "there-before")
	before := c.dump()
	good, err := json.Marshal(c.good)
	must(t, err)
	edited := func(field string, value any) string {
		body := maps.Clone(c.good)
		body[field] = value
		raw, err := json.Marshal(body)
		must(t, err)
		return string(raw)
	}
	for name, r := range map[string]struct {
		body  string
		code  int
		field string
	}{
		"empty":            {"", 400, "body: "},
		"broken":           {"{", 400, "body: "},
		"array":            {"[]", 400, "body: "},
		"trailing":         {string(good) + "{}", 400, "body: "},
		"oversized":        {`{"name":"` + strings.Repeat("x", 1<<20) + `"}`, 400, "body: "},
		"name":             {edited("name", "Upper"), 400, "name: "},
		"flavor":           {edited("flavor_id", "99999999-9999-4999-8999-999999999999"), 400, "flavor_id: "},
		"node_count":       {edited("node_count", 1000), 400, "node_count: "},
		"unknown field":    {edited("nodes", 1), 400, "nodes: "},
		"labels":           {edited("labels", map[string]any{"kube_tag": "v1.30.3"}), 400, "labels."},
		"not built":        {edited("addons", []any{1}), 501, "addons: "},
		"unknown template": {edited("cluster_template_id", "swarm"), 400, "cluster_template_id: "},
	} {
		a := c.call(c.admin, http.MethodPost, "/v1/clusters", r.body)
		if a.Code != r.code || !strings.HasPrefix(a.detail(), r.field) {
			t.Errorf("%s: %d %.200s; want %d on %s", name, a.Code, a.Body, r.code, r.field)
		}
	}
	if a := c.call(c.reader, http.MethodPost, "/v1/clusters", string(good)); a.Code != 403 {
		t.Errorf("a reader: %d", a.Code)
	}
	if len(c.engine.created) != 0 {
		t.Errorf("the engine was asked for %d clusters", len(c.engine.created))
	}
	if after := c.dump(); after != before {
		t.Errorf("the store changed:\n%s\nbefore:\n%s", after, before)
	}
}

// dump is all of the store that requests can change.
func (c *cloud) dump() string {
	c.t.Helper()
	var parts []any
	must(c.t, c.store.View(context.Background(), func(tx store.Tx) error {
		clusters, err := tx.Clusters("")
		if err != nil {
			return err
		}
		nodes, err := tx.AllNodes("")
		if err != nil {
			return err
		}
		parts = append(parts, clusters, nodes)
		for _, cl := range clusters {
			groups, err := tx.NodeGroups(cl.UUID)
			if err != nil {
				return err
			}
			events, err := tx.Events(cl.UUID)
			if err != nil {
				return err
			}
			parts = append(parts, groups, events)
		}
		open, err := tx.UnfinishedEvents("")
		parts = append(parts, open)
		return err
	}))
	raw, err := json.Marshal(parts)
	must(c.t, err)
	return string(raw)
}

func TestDeleteCluster(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cl, _ := c.put(c.admin.ProjectID, "doomed")
	for range 2 { // a second one while the first runs
		a := c.call(c.admin, http.MethodDelete, "/v1/clusters/doomed", nil, "Content-Type", "application/octet-stream")
		if a.Code != 204 || a.Body.Len() != 0 {
			t.Errorf("%d %s", a.Code, a.Body)
		}
	}
	if !slices.Equal(c.engine.deleted, []string{cl.UUID, cl.UUID}) {
		t.Errorf("deleted %v", c.engine.deleted)
	}
	if a := c.call(c.reader, http.MethodDelete, "/v1/clusters/doomed", nil); a.Code != 403 || len(c.engine.deleted) != 2 {
		t.Errorf("a reader: %d", a.Code)
	}
}
