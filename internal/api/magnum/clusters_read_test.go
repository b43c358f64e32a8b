package magnum

import (
	"context"
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
