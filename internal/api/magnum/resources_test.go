package magnum

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

func TestNodeGroups(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cl, g := c.put(c.admin.ProjectID, "k8s")
	base := "/v1/clusters/k8s/nodegroups"
	list := c.get(base + "/").body["nodegroups"].([]any)
	if len(list) != 1 {
		t.Fatalf("%d groups", len(list))
	}
	summary := []string{"flavor_id", "image_id", "is_default", "max_node_count", "min_node_count", "name", "node_count", "role", "stack_id", "status", "uuid"}
	sameFields(t, "a group of the list", list[0], summary)
	for query, want := range map[string]int{"?role=worker": 1, "?role=master": 0, "?limit=1": 1, "?marker=" + g.UUID: 0} {
		if got := c.get(base + query).body["nodegroups"].([]any); len(got) != want {
			t.Errorf("%s: %d groups, want %d", query, len(got), want)
		}
	}
	for _, id := range []string{"default-worker", g.UUID, strings.ToUpper(g.UUID)} {
		a := c.get(base + "/" + id)
		sameFields(t, id, a.body, append([]string{
			"cluster_id", "created_at", "docker_volume_size", "id", "labels", "links", "node_addresses", "project_id", "status_reason", "updated_at", "version",
		}, summary...))
		for field, want := range map[string]any{
			"uuid": g.UUID, "cluster_id": cl.UUID, "name": "default-worker", "is_default": true, "role": "worker", "node_count": 2.0, "min_node_count": 1.0,
			"max_node_count": 10.0, "created_at": "2024-01-30T01:31:06+00:00", "updated_at": nil, "node_addresses": []any{"192.168.0.40", "192.168.0.19"},
			"links": []any{
				map[string]any{"rel": "self", "href": "http://cloud.example:9511/v1/clusters/" + cl.UUID + "/nodegroups/" + g.UUID},
				map[string]any{"rel": "bookmark", "href": "http://cloud.example:9511/clusters/" + cl.UUID + "/nodegroups/" + g.UUID},
			},
		} {
			if got := a.body[field]; !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %s is %v; want %v", id, field, got, want)
			}
		}
		if n, whole := a.body["id"].(float64); !whole || n < 1 {
			t.Errorf("id is %v; want an integer", a.body["id"])
		}
		labels := a.body["labels"].(map[string]any)
		for _, name := range []string{"boot_volume_type", "boot_volume_size", "ca_enable", "ca_min_node_count", "ca_max_node_count", "kube_tag"} {
			if s, text := labels[name].(string); !text || s == "" {
				t.Errorf("label %s is %v", name, labels[name])
			}
		}
	}
	if a := c.get(base + "/default-master"); a.Code != 403 {
		t.Errorf("default-master: %d %s", a.Code, a.Body)
	}
	if a := c.get(base + "/no-such-group"); a.Code != 404 {
		t.Errorf("no such group: %d", a.Code)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cl, _ := c.put(c.admin.ProjectID, "k8s")
	other, _ := c.put(c.admin.ProjectID, "other")
	failed := hanok.Event{
		UUID: uuid.NewString(), ProjectID: cl.ProjectID, ClusterUUID: cl.UUID, ClusterName: "k8s", ResourceUUID: cl.UUID, ResourceName: "k8s", ResourceType: "cluster",
		Type: hanok.ClusterDelete, State: hanok.EventFail, Contents: "no route", CreatedAt: cl.UpdatedAt, UpdatedAt: cl.UpdatedAt,
	}
	must(t, c.store.Update(context.Background(), func(tx store.Tx) (err error) {
		failed, err = tx.InsertEvent(failed)
		return err
	}))
	fields := []string{"id", "uuid", "project_id", "cluster_uuid", "cluster_name", "resource_uuid", "resource_name", "resource_type", "type", "state", "contents", "created_at", "updated_at"}
	base := "/v1/clusters/" + cl.UUID + "/events"
	list := c.get(base).body["events"].([]any)
	if len(list) != 2 {
		t.Fatalf("%d events", len(list))
	}
	newest, oldest := list[0].(map[string]any), list[1].(map[string]any)
	sameFields(t, "an event", newest, fields)
	if newest["type"] != "CLUSTER_DELETE" || newest["state"] != "FAIL" || newest["contents"] != "no route" || newest["created_at"] != "2024-01-30T01:32:06+00:00" {
		t.Errorf("newest %v", newest)
	}
	if oldest["type"] != "CLUSTER_CREATE" || oldest["state"] != "SUCCESS" || oldest["contents"] != nil {
		t.Errorf("oldest %v", oldest)
	}
	one := c.get(base + "/" + failed.UUID)
	if !reflect.DeepEqual(one.body, list[0]) {
		t.Errorf("by itself %v; in the list %v", one.body, list[0])
	}
	for path, want := range map[string]int{
		"/v1/clusters/k8s/events": 400, "/v1/clusters/k8s/events/" + failed.UUID: 400, base + "/7": 400, base + "/" + uuid.NewString(): 404,
		"/v1/clusters/" + uuid.NewString() + "/events": 404, "/v1/clusters/" + other.UUID + "/events/" + failed.UUID: 404, base + "?limit=0": 400,
	} {
		if a := c.get(path); a.Code != want {
			t.Errorf("%s: %d %s; want %d", path, a.Code, a.Body, want)
		}
	}
	for _, path := range []string{base, base + "/" + failed.UUID} {
		if a := c.call(c.other, http.MethodGet, path, nil); a.Code != 404 {
			t.Errorf("%s from another project: %d", path, a.Code)
		}
	}
	// The history tells how the deletion ended, so it outlives the cluster.
	must(t, c.store.Update(context.Background(), func(tx store.Tx) error { return tx.DeleteCluster(cl.UUID) }))
	if a := c.get("/v1/clusters/" + cl.UUID); a.Code != 404 {
		t.Errorf("the deleted cluster: %d", a.Code)
	}
	if a := c.get(base); a.Code != 200 || len(a.body["events"].([]any)) != 2 {
		t.Errorf("its events: %d %s", a.Code, a.Body)
	}
}

func TestKubeconfig(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.put(c.admin.ProjectID, "k8s")
	a := c.get("/v1/clusters/k8s/config")
	if a.Code != 200 || a.body["config"] != "apiVersion: v1\nkind: Config\n" || a.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", a.Code, a.Header(), a.Body)
	}
	if a := c.call(c.reader, http.MethodGet, "/v1/clusters/k8s/config", nil); a.Code != 403 {
		t.Errorf("a reader got an administrator's kubeconfig: %d", a.Code)
	}
	if a := c.call(c.reader, http.MethodGet, "/v1/clusters/k8s", nil); a.Code != 200 {
		t.Errorf("a reader may not look: %d", a.Code)
	}
	c.engine.fail = hanok.Errorf(hanok.KindConflict, "the control plane is not up yet")
	if a := c.get("/v1/clusters/k8s/config"); a.Code != 409 || a.detail() != "the control plane is not up yet" {
		t.Errorf("too early: %d %s", a.Code, a.Body)
	}
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cl, _ := c.put(c.admin.ProjectID, "k8s")
	for _, id := range []string{cl.UUID, "k8s"} {
		a := c.get("/v1/certificates/" + id)
		if a.Code != 200 || a.body["cluster_uuid"] != cl.UUID || !strings.HasPrefix(a.body["pem"].(string), "-----BEGIN CERTIFICATE") {
			t.Errorf("%d %s", a.Code, a.Body)
		}
	}
}

func TestSupports(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	a := c.get("/v1/supports")
	versions := a.body["supported_k8s"].(map[string]any)
	if versions["v1.30.3"] != true || versions["v1.29.3"] != false || versions["v1.17.6"] != false {
		t.Errorf("versions %v", versions)
	}
	events := a.body["supported_event_type"].(map[string]any)
	if _, ok := events["cluster_events"].(map[string]any)["CLUSTER_CREATE"]; !ok || events["nodegroup_events"] == nil {
		t.Errorf("events %v", events)
	}
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	for _, id := range []string{"iaas_console", hanok.TemplateUUID, strings.ToUpper(hanok.TemplateUUID)} {
		a := c.get("/v1/clustertemplates/" + id)
		if a.Code != 200 || a.body["uuid"] != hanok.TemplateUUID || a.body["name"] != "iaas_console" || a.body["coe"] != "kubernetes" || a.body["tls_disabled"] != false {
			t.Errorf("%s: %d %s", id, a.Code, a.Body)
		}
	}
	if a := c.get("/v1/clustertemplates"); len(a.body["clustertemplates"].([]any)) != 1 {
		t.Errorf("list %s", a.Body)
	}
	if a := c.get("/v1/clustertemplates/swarm"); a.Code != 404 {
		t.Errorf("another: %d", a.Code)
	}
}

func TestLoadImage(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cl, _ := c.put(c.admin.ProjectID, "k8s")
	a := c.call(c.admin, http.MethodPut, "/v1/clusters/k8s/images", "a tar", "Content-Type", "application/octet-stream")
	if a.Code != 200 || a.body["uuid"] != cl.UUID || !reflect.DeepEqual(a.body["images"], []any{"docker.io/library/app:1"}) || string(c.engine.loaded) != "a tar" {
		t.Errorf("%d %s, the engine read %q", a.Code, a.Body, c.engine.loaded)
	}
	if a := c.call(c.admin, http.MethodPut, "/v1/clusters/k8s/images", strings.Repeat("x", 1<<20+1)); a.Code != 413 {
		t.Errorf("too large: %d %s", a.Code, a.Body)
	}
	if a := c.call(c.reader, http.MethodPut, "/v1/clusters/k8s/images", "a tar"); a.Code != 403 {
		t.Errorf("a reader: %d", a.Code)
	}
}
