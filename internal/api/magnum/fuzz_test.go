package magnum

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/hanok/hanok/api/apitest"
)

// FuzzRequests: whatever is sent, the answer is one that the document has,
// and none is a 500.
func FuzzRequests(f *testing.F) {
	c := newCloud(f)
	cluster, group := c.put(c.admin.ProjectID, "k8s")
	good, err := json.Marshal(c.good)
	must(f, err)
	base := "/v1/clusters/" + cluster.UUID
	for _, seed := range [][3]string{
		{"POST", "/v1/clusters", string(good)},
		{"GET", "/v1/clusters?limit=1&marker=" + cluster.UUID + "&sort_key=name&sort_dir=desc", ""},
		{"GET", base + "/nodegroups/" + group.UUID, ""},
		{"POST", base + "/actions/resize", `{"node_count":"3","nodegroup":"default-worker","nodes_to_remove":["593e4aee-697f-4808-aa5b-d3c8703795ff"]}`},
		{"PATCH", base, `[{"op":"replace","path":"/node_count","value":3}]`},
		{"PATCH", base + "/nodegroups/default-worker", `{"type":"flavor_id","flavor_id":"1d0d6983-8e9d-44dc-810e-d7689afa372c"}`},
		{"POST", base + "/nodegroups", `{"name":"a","node_count":1,"flavor_id":"x","image_id":"y","labels":{"extra_volumes":[{"volume_size":1}]}}`},
		{"POST", base + "/nodegroups/default-worker/stop_node", `{"node_list":"a:b"}`},
		{"POST", base + "/nodegroups/default-worker/userscript", `{"contents":"#!/bin/sh"}`},
		{"POST", "/v1/certificates", `{"cluster_uuid":"k8s","csr":"-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----"}`},
		{"POST", "/v1/quotas", `{"project_id":"x","resource":"Cluster","hard_limit":1}`},
		{"DELETE", "/v1/clusters/nodegroups/x", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, target, body string) {
		u, err := url.Parse(target)
		if err != nil || !strings.HasPrefix(u.Path, "/v1/") || u.Host != "" || strings.Contains(u.EscapedPath(), "//") || strings.Contains(u.Path, "/.") {
			t.Skip("internal/api lets no such path through")
		}
		if strings.Count(u.EscapedPath(), "/") != strings.Count(u.Path, "/") {
			t.Skip("internal/api lets no encoded slash through")
		}
		r := httptest.NewRequest(http.MethodPost, "http://cloud.example:9511/", strings.NewReader(body))
		r.Method, r.URL = method, u
		r.Header.Set("X-Auth-Token", c.admin.ID)
		w := httptest.NewRecorder()
		apitest.Handler(t, c.api).ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusNotImplemented && w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s %q %q: %d %s", method, target, body, w.Code, w.Body)
		}
	})
}
