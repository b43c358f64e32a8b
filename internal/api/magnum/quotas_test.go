package magnum

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/infra"
)

func TestQuotasOfAnAdministrator(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	other := c.other.ProjectID
	path := "/v1/quotas/" + other + "/Cluster"
	a := c.get(path)
	if a.Code != 200 || a.body["hard_limit"] != 20.0 || a.body["created_at"] != nil || a.body["project_id"] != other || a.body["resource"] != "Cluster" {
		t.Errorf("default: %d %s", a.Code, a.Body)
	}
	if a := c.call(c.admin, http.MethodPatch, path, `{"hard_limit":3}`); a.Code != 404 {
		t.Errorf("change before it is set: %d %s", a.Code, a.Body)
	}
	body := map[string]any{"project_id": other, "resource": "Cluster", "hard_limit": 2}
	a = c.call(c.admin, http.MethodPost, "/v1/quotas", body)
	if a.Code != 201 || a.body["hard_limit"] != 2.0 || a.body["created_at"] == nil || a.body["updated_at"] != nil || a.body["id"] == "" {
		t.Errorf("set: %d %s", a.Code, a.Body)
	}
	if a := c.call(c.admin, http.MethodPost, "/v1/quotas", body); a.Code != 409 {
		t.Errorf("set twice: %d %s", a.Code, a.Body)
	}
	body["hard_limit"] = "5"
	if a := c.call(c.admin, http.MethodPatch, path, body); a.Code != 202 || a.body["hard_limit"] != 5.0 || a.body["updated_at"] == nil {
		t.Errorf("change: %d %s", a.Code, a.Body)
	}
	if a := c.get("/v1/quotas?all_tenants=True"); a.Code != 200 || len(a.body["quotas"].([]any)) != 1 {
		t.Errorf("all: %d %s", a.Code, a.Body)
	}
	if a := c.call(c.other, http.MethodGet, path, nil); a.Code != 200 || a.body["hard_limit"] != 5.0 {
		t.Errorf("its own project: %d %s", a.Code, a.Body)
	}
	// openstack coe quotas delete sends no body.
	if a := c.call(c.admin, http.MethodDelete, path, nil); a.Code != 204 {
		t.Errorf("delete: %d %s", a.Code, a.Body)
	}
	if a := c.call(c.admin, http.MethodDelete, path, nil); a.Code != 404 {
		t.Errorf("delete twice: %d %s", a.Code, a.Body)
	}
}

func TestQuotasOfOthers(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	own, foreign := "/v1/quotas/"+c.other.ProjectID, "/v1/quotas/"+c.admin.ProjectID
	body := map[string]any{"project_id": c.other.ProjectID, "resource": "Cluster", "hard_limit": 100}
	for _, tt := range []struct {
		who          infra.Token
		method, path string
		body         any
		want         int
		says         string
	}{
		{c.other, http.MethodGet, own + "/Node", nil, 200, ""},
		{c.other, http.MethodGet, foreign + "/Cluster", nil, 404, "project"},
		{c.other, http.MethodGet, "/v1/quotas?all_tenants=true", nil, 403, "all_tenants"},
		{c.other, http.MethodPost, "/v1/quotas", body, 403, "administrators"},
		{c.other, http.MethodPatch, own + "/Cluster", body, 403, "administrators"},
		{c.other, http.MethodDelete, own + "/Cluster", nil, 403, "administrators"},
		{c.other, http.MethodDelete, foreign + "/Cluster", nil, 404, "project"},
		{c.reader, http.MethodGet, foreign + "/Cluster", nil, 200, ""}, // its own
		{c.reader, http.MethodPost, "/v1/quotas", body, 403, "reading"},
		{c.admin, http.MethodGet, foreign + "/Bay", nil, 400, "resource:"},
		{c.admin, http.MethodGet, "/v1/quotas/nobody/Cluster", nil, 404, "nobody"},
		{c.admin, http.MethodGet, "/v1/quotas?all_tenants=perhaps", nil, 400, "all_tenants:"},
		{c.admin, http.MethodGet, "/v1/quotas?limit=0", nil, 400, "limit:"},
		{c.admin, http.MethodGet, "/v1/quotas?sort_key=moon", nil, 400, "sort_key:"},
		{c.admin, http.MethodPost, "/v1/quotas", "{", 400, "body:"},
		{c.admin, http.MethodPost, "/v1/quotas", `{"resource":"Cluster","hard_limit":1}`, 400, "project_id:"},
		{c.admin, http.MethodPost, "/v1/quotas", `{"project_id":"x","hard_limit":1}`, 400, "resource:"},
		{c.admin, http.MethodPost, "/v1/quotas", `{"project_id":"x","resource":"Cluster"}`, 400, "hard_limit:"},
		{c.admin, http.MethodPost, "/v1/quotas", `{"project_id":"x","resource":"Cluster","hard_limit":-1}`, 400, "hard_limit:"},
		{c.admin, http.MethodPost, "/v1/quotas", `{"project_id":"` + c.other.ProjectID + `","resource":"Node","hard_limit":0}`, 400, "hard_limit:"},
		{c.admin, http.MethodPost, "/v1/quotas", `{"project_id":"x","resource":"Cluster","hard_limit":1}`, 404, "x"},
		{c.admin, http.MethodPost, "/v1/quotas", `{"project_id":"x","resource":"Cluster","hard_limit":1,"y":2}`, 400, "y:"},
		{c.admin, http.MethodPatch, own + "/Cluster", `{"project_id":"z","hard_limit":1}`, 400, "project_id:"},
		{c.admin, http.MethodPatch, own + "/Cluster", `{"resource":"Node","hard_limit":1}`, 400, "resource:"},
	} {
		a := c.call(tt.who, tt.method, tt.path, tt.body)
		if a.Code != tt.want || !strings.Contains(a.detail(), tt.says) {
			t.Errorf("%s %s of %s with %v: %d %s, want %d with %q", tt.method, tt.path, tt.who.UserName, tt.body, a.Code, a.Body, tt.want, tt.says)
		}
	}
	if a := c.call(c.other, http.MethodGet, "/v1/quotas?limit=2", nil); len(a.body["quotas"].([]any)) != 2 || !strings.Contains(a.body["next"].(string), "marker=") {
		t.Errorf("first page: %s", a.Body)
	}
}

// TestNodeQuota: beyond a quota that was set it is 403, beyond the guide's
// own bound 400.
func TestNodeQuota(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.good["node_count"] = 11
	if a := c.call(c.admin, http.MethodPost, "/v1/clusters", c.good); a.Code != 400 {
		t.Errorf("11 without a quota: %d %s", a.Code, a.Body)
	}
	if a := c.call(c.admin, http.MethodPost, "/v1/quotas", map[string]any{"project_id": c.admin.ProjectID, "resource": "Node", "hard_limit": 11}); a.Code != 201 {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	if a := c.call(c.admin, http.MethodPost, "/v1/clusters", c.good); a.Code != 202 {
		t.Errorf("11 of 11: %d %s", a.Code, a.Body)
	}
	c.good["node_count"] = 12
	if a := c.call(c.admin, http.MethodPost, "/v1/clusters", c.good); a.Code != 403 || !strings.HasPrefix(a.detail(), "node_count: ") {
		t.Errorf("12 of 11: %d %s", a.Code, a.Body)
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.put(c.admin.ProjectID, "a")
	c.put(c.admin.ProjectID, "b")
	c.put(c.other.ProjectID, "c")
	for _, tt := range []struct {
		who             infra.Token
		query           string
		want            int
		clusters, nodes float64
	}{
		{c.admin, "", 200, 3, 9},
		{c.admin, "?project_id=" + c.admin.ProjectID, 200, 2, 6},
		{c.admin, "?project_id=" + c.other.ProjectID, 200, 1, 3},
		{c.admin, "?project_id=nobody", 404, 0, 0},
		{c.reader, "", 200, 2, 6},
		{c.other, "", 200, 1, 3},
		{c.other, "?project_id=" + c.admin.ProjectID, 404, 0, 0},
	} {
		a := c.call(tt.who, http.MethodGet, "/v1/stats"+tt.query, nil)
		if a.Code != tt.want || a.Code == 200 && (a.body["clusters"] != tt.clusters || a.body["nodes"] != tt.nodes) {
			t.Errorf("%s%s: %d %s", tt.who.UserName, tt.query, a.Code, a.Body)
		}
	}
}
