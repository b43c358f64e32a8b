package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hanok/hanok/api/apitest"
	"github.com/hanok/hanok/internal/api"
	"github.com/hanok/hanok/internal/api/catalogue"
	"github.com/hanok/hanok/internal/api/identity"
	"github.com/hanok/hanok/internal/api/magnum"
	"github.com/hanok/hanok/internal/infra"
)

var pathParam = regexp.MustCompile(`\{[^}]*\}`)

// TestDocumentAndRoutesAgree: a route that the document lacks fails, and an
// operation of the document that the service does not know.
func TestDocumentAndRoutesAgree(t *testing.T) {
	t.Parallel()
	known, described := map[string]bool{}, map[string]bool{}
	for _, route := range slices.Concat(magnum.Routes(), identity.Routes(), catalogue.Routes(), api.Routes()) {
		known[pathParam.ReplaceAllString(route, "{}")] = true
	}
	for _, op := range apitest.Operations() {
		name := pathParam.ReplaceAllString(op.Name(), "{}")
		described[name] = true
		if !known[name] && !op.Deprecated { // the older guide's leftovers are no routes
			t.Errorf("openapi.yaml has %s, and the service has no such route", op.Name())
		}
	}
	for route := range known {
		if !described[route] {
			t.Errorf("the service answers %s, and openapi.yaml lacks it", route)
		}
	}
}

// target is what a request for any operation needs.
type target struct {
	rigCluster
	params map[string]string
	bodies map[string]string // by operation
}

// target gives values for the parameters of every path, and a good request
// for every operation that changes something; all of them belong to "demo".
func (r *apiRig) target() target {
	r.Helper()
	c := r.cluster()
	r.must(r.call(r.admin, "POST", "/compute/v2.1/os-keypairs", fmt.Sprintf(`{"keypair":{"name":"key-%s"}}`, c.uuid)), 200)
	var made struct {
		Credential struct {
			ID string `json:"id"`
		} `json:"application_credential"`
	}
	credentials := "/identity/v3/users/" + r.admin.UserID + "/application_credentials"
	a := r.must(r.call(r.admin, "POST", credentials, fmt.Sprintf(`{"application_credential":{"name":"app-%s"}}`, c.uuid)), 201)
	must(r.T, json.Unmarshal([]byte(a.raw), &made))
	t := target{rigCluster: c, params: map[string]string{
		"cluster": c.uuid, "nodegroup": c.group, "event": c.event, "template": "iaas_console", "addon": "calico", "type": "cni",
		"project": r.admin.ProjectID, "resource": "Cluster", "user": r.admin.UserID, "role": "reader", "credential": made.Credential.ID,
		"compute_version": "v2.1", "volume_version": "v3", "keypair": "key-" + c.uuid, "server": c.running,
		"flavor": r.request["flavor_id"].(string), "network": r.request["fixed_network"].(string), "vpc": r.request["fixed_network"].(string),
		"subnet": r.request["fixed_subnet"].(string), "vpcsubnet": r.request["fixed_subnet"].(string),
		"image":          r.first("/image/v2/images", "images", "id"),
		"security_group": r.first("/network/v2.0/security-groups", "security_groups", "id"),
		"rule":           r.first("/network/v2.0/security-group-rules", "security_group_rules", "id"),
		"routingtable":   r.first("/network/v2.0/routingtables", "routingtables", "id"),
		"servicegateway": "48f4ff38-d14b-4f34-a40c-705524e6a755",
		"volume_type":    r.first("/volume/v3/types", "volume_types", "id"),
		"volume":         r.first("/volume/v3/volumes", "volumes", "id"),
	}}
	t.bodies = r.bodies(t.rigCluster)
	return t
}

// bodies gives the good requests that are no examples of the document.
func (r *apiRig) bodies(t rigCluster) map[string]string {
	r.Helper()
	labels := r.request["labels"].(map[string]any)
	create := map[string]any{"name": "fresh"}
	for k, v := range r.request {
		create[k] = v
	}
	group := map[string]any{
		"name": "added", "flavor_id": r.request["flavor_id"], "image_id": labels["node_image"],
		"labels": map[string]any{"availability_zone": "kr-pub-a", "boot_volume_size": "20", "boot_volume_type": "General HDD", "ca_enable": "false"},
	}
	text := func(v any) string {
		raw, err := json.Marshal(v)
		must(r.T, err)
		return string(raw)
	}
	credential := text(map[string]any{"application_credential": map[string]any{"name": "another"}})
	password := map[string]any{"user": map[string]any{"name": "reader", "domain": map[string]any{"id": "default"}, "password": rigPassword}}
	return map[string]string{
		"POST /v1/clusters":                                             text(create),
		"POST /v1/clusters/{cluster}/nodegroups":                        text(group),
		"PATCH /v1/clusters/{cluster}/nodegroups/{nodegroup}":           `[{"op":"replace","path":"/node_count","value":4}]`,
		"PATCH /v1/clusters/{cluster}":                                  `[{"op":"replace","path":"/node_count","value":4}]`,
		"POST /v1/clusters/{cluster}/actions/resize":                    `{"nodegroup":"default-worker","node_count":"4"}`,
		"POST /v1/clusters/{cluster}/nodegroups/{nodegroup}/stop_node":  text(map[string]string{"node_list": t.running}),
		"POST /v1/clusters/{cluster}/nodegroups/{nodegroup}/start_node": text(map[string]string{"node_list": t.stopped}),
		"POST /v1/certificates":                                         text(map[string]string{"cluster_uuid": t.uuid, "csr": clientCSR(r.T)}),
		"POST /compute/{compute_version}/{project}/os-keypairs":         `{"keypair":{"name":"fresh-keypair"}}`,
		"POST /v1/quotas":                                               text(map[string]any{"project_id": r.outsider.ProjectID, "resource": "Cluster", "hard_limit": 5}),
		"POST /identity/v3/users/{user}/application_credentials":        credential,
		"PATCH /v1/quotas/{project}/{resource}":                         `{"hard_limit":"100000"}`,
		"POST /identity/v3/auth/tokens":                                 text(map[string]any{"auth": map[string]any{"identity": map[string]any{"methods": []string{"password"}, "password": password}}}),
		"POST /identity/v2.0/tokens":                                    text(map[string]any{"auth": map[string]any{"tenantName": "demo", "passwordCredentials": map[string]any{"username": "reader", "password": rigPassword}}}),
		"PUT /v1/clusters/{cluster}/images":                             "no archive",
	}
}

// path fills an operation's path in.
func (t target) path(r *apiRig, op apitest.Operation) string {
	return pathParam.ReplaceAllStringFunc(op.Path, func(param string) string {
		value, ok := t.params[strings.Trim(param, "{}")]
		if !ok {
			r.Errorf("%s: the test has no value for %s", op.Name(), param)
		}
		return value
	})
}

// body gives a good request of an operation: the test's, or the document's example.
func (t target) body(op apitest.Operation) string {
	if body, ok := t.bodies[op.Name()]; ok {
		return body
	}
	if op.RequestBody == nil {
		return ""
	}
	media := op.RequestBody.Value.Content["application/json"]
	if media == nil || media.Example == nil {
		return "{}"
	}
	raw, _ := json.Marshal(media.Example) // it was read from YAML
	return string(raw)
}

// changes tells whether an operation may change something.
func changes(op apitest.Operation) bool { return op.Method != http.MethodGet }

// TestNobodyGetsIn goes through all operations of the document: without a
// token and with a bad one they are 401, a reader may change nothing, and
// what belongs to another project is not found. None of it changes anything.
func TestNobodyGetsIn(t *testing.T) {
	t.Parallel()
	r := newAPIRig(t)
	goal := r.target()
	before := r.state()
	closed := 0
	for _, op := range apitest.Operations() {
		if op.Open() {
			continue
		}
		closed++
		path, body := goal.path(r, op), goal.body(op)
		subject := []string{"X-Subject-Token", r.outsider.ID}
		for _, token := range []string{"", "no-such-token", strings.Repeat("x", 5000)} {
			a := r.call(infra.Token{ID: token}, op.Method, path, body, subject...)
			if a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s with the token %.20q: %d %s; want 401", op.Name(), token, a.status, a.raw)
			}
		}
		if changes(op) && !op.AnyRole() || op.OperationID == "getKubeconfig" {
			if a := r.call(r.reader, op.Method, path, body, subject...); a.status != http.StatusForbidden {
				t.Errorf("%s as a reader: %d %s; want 403", op.Name(), a.status, a.raw)
			}
		}
		if owned(op) {
			r.foreign(goal, op, body)
		}
	}
	if closed < 60 {
		t.Errorf("only %d operations need a token", closed)
	}
	if after := r.state(); after != before {
		t.Errorf("the state changed\nfrom %s\nto   %s", before, after)
	}
}

// ownedParams are the parameters that name something of one project or user.
var ownedParams = []string{
	"cluster", "network", "subnet", "vpc", "vpcsubnet", "routingtable", "security_group", "rule", "server", "volume", "keypair", "user", "credential",
}

// owned tells whether an operation is about something of one project.
func owned(op apitest.Operation) bool {
	return op.OperationID == "signCertificate" || op.OperationID == "showProject" || strings.HasPrefix(op.Path, "/v1/quotas/") ||
		slices.ContainsFunc(ownedParams, func(p string) bool { return strings.Contains(op.Path, "{"+p+"}") })
}

// foreign asks for what belongs to another project.
func (r *apiRig) foreign(goal target, op apitest.Operation, body string) {
	r.Helper()
	theirs := target{rigCluster: goal.rigCluster, params: map[string]string{}, bodies: goal.bodies}
	for name, value := range goal.params {
		theirs.params[name] = value
	}
	if strings.Contains(op.Path, "_version}/{project}") { // here the path names the caller's project
		theirs.params["project"] = r.outsider.ProjectID
	}
	want := []int{http.StatusNotFound}
	if op.OperationID == "listUserProjects" {
		want = append(want, http.StatusForbidden) // as Keystone
	}
	if a := r.call(r.outsider, op.Method, theirs.path(r, op), body); !slices.Contains(want, a.status) {
		r.Errorf("%s of another project: %d %s; want 404", op.Name(), a.status, a.raw)
	}
}
