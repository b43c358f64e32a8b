package apitest

import (
	"flag"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestCheck shows that the check can fail.
func TestCheck(t *testing.T) {
	t.Parallel()
	const uuid = "5801ef8a-3760-4858-b467-fc4c1201241d"
	const magnumError = `{"errors":[{"request_id":"r","code":"client","status":404,"title":"x","detail":"x","links":[]}]}`
	jsonHeader := http.Header{"Content-Type": {"application/json"}}
	event := `"id":1,"uuid":"` + uuid + `","project_id":"p","cluster_uuid":"` + uuid + `","cluster_name":"c","resource_uuid":"` + uuid +
		`","resource_name":"c","resource_type":"cluster","type":"CLUSTER_CREATE","state":"SUCCESS","contents":null,"created_at":null,"updated_at":"2021-08-05T01:48:39+00:00"`
	for _, c := range []struct {
		name string
		x    exchange
		want string // part of the error; "" is none
	}{
		{"good", exchange{Method: "GET", Path: "/v1/clusters", Status: 200, Body: []byte(`{"clusters":[]}`)}, ""},
		{"with a slash", exchange{Method: "GET", Path: "/v1/clusters/", Status: 200, Body: []byte(`{"clusters":[]}`)}, ""},
		{"HEAD", exchange{Method: "HEAD", Path: "/v1/clusters", Status: 200}, ""},
		{"missing field", exchange{Method: "GET", Path: "/v1/clusters", Status: 200, Body: []byte(`{}`)}, `"clusters" is missing`},
		{"undocumented field", exchange{Method: "GET", Path: "/v1/clusters", Status: 200, Body: []byte(`{"clusters":[],"more":1}`)}, ".more"},
		{"nested undocumented field", exchange{Method: "GET", Path: "/v1/clusters/x/events", Status: 200, Body: []byte(`{"events":[{` + event + `,"more":1}]}`)}, ".events[0].more"},
		{"event", exchange{Method: "GET", Path: "/v1/clusters/x/events", Status: 200, Body: []byte(`{"events":[{` + event + `}]}`)}, ""},
		{"undocumented status", exchange{Method: "GET", Path: "/v1/clusters", Status: 202, Body: []byte(`{"clusters":[]}`)}, "status is not documented"},
		{"no JSON", exchange{Method: "GET", Path: "/v1/clusters", Status: 200, Body: []byte(`x`)}, "no JSON"},
		{"wrong error", exchange{Method: "GET", Path: "/v1/clusters", Status: 404, Body: []byte(`{"error":1}`)}, "errors"},
		{"error", exchange{Method: "GET", Path: "/v1/clusters", Status: 404, Body: []byte(magnumError)}, ""},
		{"unknown path", exchange{Method: "GET", Path: "/v1/nothing", Status: 404, Body: []byte(magnumError)}, ""},
		{"undocumented path", exchange{Method: "GET", Path: "/v1/nothing", Status: 200, Body: []byte(`{}`)}, "lacks this operation"},
		{"undocumented method", exchange{Method: "PUT", Path: "/v1/clusters", Status: 200, Body: []byte(`{}`)}, "lacks this operation"},
		{"405 without Allow", exchange{Method: "PUT", Path: "/v1/clusters", Status: 405, Body: []byte(magnumError)}, "Allow"},
		{"another service's error", exchange{Method: "GET", Path: "/network/v2.0/networks/x", Status: 404, Body: []byte(magnumError)}, "NeutronError"},
		{"header missing", exchange{Method: "POST", Path: "/v1/clusters", Status: 202, Body: []byte(`{"uuid":"` + uuid + `"}`)}, "Location"},
		{"body where none is", exchange{Method: "DELETE", Path: "/v1/clusters/x", Status: 204, Body: []byte(`{}`)}, "no body"},
		{"accepted request", exchange{Method: "POST", Path: "/v1/clusters/x/actions/resize", Status: 202, RequestBody: []byte(`{"node_count":"3"}`), Body: []byte(`{"uuid":"` + uuid + `"}`)}, ""},
		{"accepted bad request", exchange{Method: "POST", Path: "/v1/clusters/x/actions/resize", Status: 202, RequestBody: []byte(`{"node_count":[]}`), Body: []byte(`{"uuid":"` + uuid + `"}`)}, "the request was accepted"},
	} {
		c.x.Header = jsonHeader
		var err error // without Check's note of what was exercised
		if op, known := operationOf(c.x.Method, c.x.Path); known {
			err = c.x.check(op)
		} else {
			err = c.x.checkUnknown()
		}
		if c.want == "" && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	for request, want := range map[string]string{
		"GET /v1/clusters/detail":                                                     "GET /v1/clusters/detail",
		"GET /v1/clusters/c":                                                          "GET /v1/clusters/{cluster}",
		"DELETE /v1/clusters/nodegroups":                                              "DELETE /v1/clusters/{cluster}",
		"POST /v1/clusters/nodegroups":                                                "POST /v1/clusters/nodegroups",
		"GET /v1/clusters/nodegroups/config":                                          "GET /v1/clusters/{cluster}/config",
		"HEAD /v1/clusters/c/nodegroups/g/":                                           "GET /v1/clusters/{cluster}/nodegroups/{nodegroup}",
		"GET /compute/v2/flavors/detail":                                              "GET /compute/{compute_version}/{project}/flavors/detail",
		"GET /compute/v2.1/f4b3de2ecaaa44d8b2d6101f509c5c69/flavors/detail":           "GET /compute/{compute_version}/{project}/flavors/detail",
		"GET /compute/v2.1/f4b3de2ecaaa44d8b2d6101f509c5c69/flavors/f/os-extra_specs": "GET /compute/{compute_version}/{project}/flavors/{flavor}/os-extra_specs",
		"GET /volume/v3/types":                                                        "GET /volume/{volume_version}/{project}/types",
		"GET /compute/v2.1/f4b3de2ecaaa44d8b2d6101f509c5c69":                          "GET /compute/{compute_version}/{project}",
		"GET /":           "GET /",
		"GET /compute/v9": "",
		"GET /v1/clusters/c/nodegroups/g/autoscale/more": "",
	} {
		method, path, _ := strings.Cut(request, " ")
		op, ok := operationOf(method, path)
		if ok != (want != "") || ok && op.Name() != want {
			t.Errorf("%s: %v %v; want %s", request, ok, op.Name(), want)
		}
	}
}

func TestUnexercised(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, op := range Operations() {
		seen[op.Name()+" 200"] = true
	}
	if missing := unexercised(seen); len(missing) != 0 {
		t.Errorf("missing %v", missing)
	}
	for name, want := range map[string]bool{"GET /v1/clusters": true, "POST /v1/clusters/{cluster}/actions/cni_update": false} {
		delete(seen, name+" 200")
		seen[name+" 404"], seen[name+" 501"] = true, true
		if got := slices.Contains(unexercised(seen), name); got != want {
			t.Errorf("%s unexercised: %v, want %v", name, got, want)
		}
	}
}

var exercised = flag.String("exercised", "", "the directory that the tests before this one noted in which operations they exercised")

// TestEveryOperationIsExercised runs after all other tests, over what they noted.
func TestEveryOperationIsExercised(t *testing.T) {
	t.Parallel()
	if *exercised == "" {
		t.Skipf("without -exercised: make test runs this after the tests that exercise the API with %s", exercisedVar)
	}
	seen, err := readNotes(*exercised)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range unexercised(seen) {
		t.Errorf("no test exercises %s", name)
	}
}
