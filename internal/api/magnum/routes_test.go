package magnum

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/infra"
)

var nobody infra.Token

func TestTokens(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	for _, path := range []string{"/v1/clusters", "/v1/supports", "/v1/clusters/x/nodegroups", "/v1/nothing", "/v1/addons", "/v1/clustertemplates"} {
		a := c.call(nobody, http.MethodGet, path, nil)
		if a.Code != 401 || a.body["error"] == nil || a.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s without a token: %d %s", path, a.Code, a.Body)
		}
		if a := c.call(infra.Token{ID: "stale"}, http.MethodGet, path, nil); a.Code != 401 {
			t.Errorf("%s with a stale token: %d", path, a.Code)
		}
	}
	must(t, c.identity.Revoke(t.Context(), c.other.ID))
	if a := c.call(c.other, http.MethodGet, "/v1/clusters", nil); a.Code != 401 {
		t.Errorf("with a revoked token: %d", a.Code)
	}
}

func TestVersionDocumentsNeedNoToken(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	root := c.call(nobody, http.MethodGet, "/", nil)
	versions, _ := root.body["versions"].([]any)
	if root.Code != 200 || len(versions) != 1 {
		t.Fatalf("%d %s", root.Code, root.Body)
	}
	v := versions[0].(map[string]any)
	if v["id"] != "v1" || v["status"] != "CURRENT" || v["min_version"] != "1.1" || v["max_version"] != "1.12" {
		t.Errorf("version %v", v)
	}
	if href := v["links"].([]any)[0].(map[string]any)["href"]; href != "http://cloud.example:9511/v1/" {
		t.Errorf("link %v", href)
	}
	for _, path := range []string{"/v1", "/v1/"} {
		if a := c.call(nobody, http.MethodGet, path, nil); a.Code != 200 || a.body["id"] != "v1" || a.body["clusters"] == nil {
			t.Errorf("%s: %d %s", path, a.Code, a.Body)
		}
	}
}

func TestMicroversions(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	for header, want := range map[string]string{ // the version that answers; "" is 406
		"":                                  "container-infra 1.1",
		"container-infra latest":            "container-infra 1.12",
		"container-infra LATEST":            "container-infra 1.12",
		"container-infra 1.1":               "container-infra 1.1",
		"container-infra 1.9":               "container-infra 1.9",
		"container-infra 1.12":              "container-infra 1.12",
		"compute 2.1, container-infra 1.8":  "container-infra 1.8",
		"  container-infra   1.10  ":        "container-infra 1.10",
		"container-infra 1.13":              "",
		"container-infra 1.0":               "",
		"container-infra 2.1":               "",
		"container-infra 1":                 "",
		"container-infra 1.01":              "",
		"container-infra 1.9.1":             "",
		"container-infra x":                 "",
		"container-infra":                   "",
		"1.9":                               "",
		"container 1.9":                     "",
		"compute 2.1":                       "",
		"container-infra 1.9 1.10":          "",
		"container-infra 1.999999999999999": "",
	} {
		var headers []string
		if header != "" {
			headers = []string{"OpenStack-API-Version", header}
		}
		a := c.call(c.admin, http.MethodGet, "/v1/clusters", nil, headers...)
		if want == "" {
			if a.Code != 406 || !strings.HasPrefix(a.detail(), "OpenStack-API-Version: ") {
				t.Errorf("%q: %d %s; want 406", header, a.Code, a.Body)
			}
		} else if a.Code != 200 || a.Header().Get("OpenStack-API-Version") != want {
			t.Errorf("%q: %d, version %q; want %q", header, a.Code, a.Header().Get("OpenStack-API-Version"), want)
		}
		for name, value := range map[string]string{
			"OpenStack-API-Minimum-Version": "container-infra 1.1", "OpenStack-API-Maximum-Version": "container-infra 1.12", "Vary": "OpenStack-API-Version",
		} {
			if got := a.Header().Get(name); got != value {
				t.Errorf("%q: %s is %q; want %q", header, name, got, value)
			}
		}
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.put(c.admin.ProjectID, "k8s")
	for _, path := range []string{"/nothing", "/v2/clusters", "/v1/nothing", "/v1/clusters/k8s/nothing", "/v1/clusters/k8s/actions/dance", "/v1/supports/x", "/clusters"} {
		if a := c.get(path); a.Code != 404 || a.detail() == "" {
			t.Errorf("%s: %d %s", path, a.Code, a.Body)
		}
	}
	for _, r := range []struct{ method, path, allow string }{
		{"PUT", "/v1/clusters", "GET, POST"}, {"DELETE", "/v1/clusters", "GET, POST"}, {"POST", "/v1/supports", "GET"},
		{"POST", "/v1/clusters/k8s", "DELETE, GET, PATCH"}, {"GET", "/v1/clusters/k8s/actions/resize", "POST"},
		{"GET", "/v1/clusters/k8s/images", "PUT"}, {"POST", "/", "GET"},
	} {
		if a := c.call(c.admin, r.method, r.path, nil); a.Code != 405 || a.Header().Get("Allow") != r.allow || a.detail() == "" {
			t.Errorf("%s %s: %d, allow %q, %s", r.method, r.path, a.Code, a.Header().Get("Allow"), a.Body)
		}
	}
	if a := c.call(c.admin, http.MethodHead, "/v1/clusters/k8s", nil); a.Code != 200 {
		t.Errorf("HEAD: %d", a.Code)
	}
	for path, allow := range map[string]string{
		"/v1/clusters": "GET, HEAD, OPTIONS, POST", "/v1/clusters/k8s/actions/resize": "OPTIONS, POST", "/": "GET, HEAD, OPTIONS",
	} {
		if a := c.call(c.reader, http.MethodOptions, path, nil); a.Code != 204 || a.Header().Get("Allow") != allow || a.Body.Len() > 0 {
			t.Errorf("OPTIONS %s: %d, allow %q", path, a.Code, a.Header().Get("Allow"))
		}
	}
}

// TestLeftovers: the older guide's paths without a cluster say what to use
// instead, and do not stand in the way of a cluster of that name.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.put(c.admin.ProjectID, "nodegroups")
	for operation, want := range map[string]string{
		"POST /v1/clusters/nodegroups":                                        "POST /v1/clusters/{cluster}/nodegroups",
		"POST /v1/clusters/nodegroups/":                                       "POST /v1/clusters/{cluster}/nodegroups",
		"DELETE /v1/clusters/nodegroups/5801ef8a-3760-4858-b467-fc4c1201241d": "DELETE /v1/clusters/{cluster}/nodegroups/{nodegroup}",
	} {
		method, path, _ := strings.Cut(operation, " ")
		if a := c.call(c.admin, method, path, `{"nodegroup":{"protocol":"TCP"}}`); a.Code != 400 || !strings.Contains(a.detail(), want) {
			t.Errorf("%s: %d %s", operation, a.Code, a.Body)
		}
		if a := c.call(nobody, method, path, nil); a.Code != 401 {
			t.Errorf("%s without a token: %d", operation, a.Code)
		}
	}
	if a := c.get("/v1/clusters/nodegroups"); a.Code != 200 || a.body["name"] != "nodegroups" {
		t.Errorf("the cluster: %d %s", a.Code, a.Body)
	}
	if a := c.get("/v1/clusters/nodegroups/nodegroups"); a.Code != 200 {
		t.Errorf("its groups: %d %s", a.Code, a.Body)
	}
	if a := c.call(c.admin, http.MethodDelete, "/v1/clusters/nodegroups", nil); a.Code != 204 || len(c.engine.deleted) != 1 {
		t.Errorf("its deletion: %d %s", a.Code, a.Body)
	}
}

// TestNotBuiltOperations goes through the guides' other operations.
func TestNotBuiltOperations(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.put(c.admin.ProjectID, "k8s")
	const g = "/v1/clusters/k8s/nodegroups/default-worker"
	want := []string{
		"POST /v1/clusters/k8s/actions/cni_update", "POST /v1/clusters/k8s/actions/update_sgw",
		"POST /v1/clusters/k8s/api_ep_ipacl", "GET /v1/clusters/k8s/api_ep_ipacl", "PATCH /v1/certificates/k8s",
		"GET " + g + "/autoscale", "POST " + g + "/autoscale", "POST " + g + "/upgrade",
		"POST /v1/clusters/k8s/nodegroups/default-master/upgrade", "GET /v1/addon_types/", "GET /v1/addon_types/calico", "GET /v1/addons/", "GET /v1/addons/x",
		"GET /v1/clusters/k8s/addons/", "POST /v1/clusters/k8s/addons/", "GET /v1/clusters/k8s/addons/x", "PATCH /v1/clusters/k8s/addons/x",
		"DELETE /v1/clusters/k8s/addons/x", "POST /v1/clusters/k8s/actions/upgrade",
	}
	for _, operation := range want {
		method, path, _ := strings.Cut(operation, " ")
		if a := c.call(c.admin, method, path, "{}"); a.Code != 501 || !strings.Contains(a.detail(), "is not built yet") || !strings.Contains(a.detail(), method) {
			t.Errorf("%s: %d %s", operation, a.Code, a.Body)
		}
	}
	if len(want) < len(notBuilt) {
		t.Errorf("%d of %d operations are tested", len(want), len(notBuilt))
	}
	names := map[string]bool{}
	for _, op := range notBuilt {
		if op.name == "" || names[op.method+op.path] || !slices.Contains([]string{"GET", "POST", "PATCH", "DELETE"}, op.method) {
			t.Errorf("entry %+v", op)
		}
		names[op.method+op.path] = true
	}
}
