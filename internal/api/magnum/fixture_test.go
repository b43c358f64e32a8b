package magnum

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/api/apitest"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/embedded"
	"github.com/hanok/hanok/internal/infra/embedded/embeddedtest"
	"github.com/hanok/hanok/internal/store"
	"github.com/hanok/hanok/internal/store/sqlite"
)

// cloud is the API over a real store, catalogue and identity, with an engine
// that only records.
type cloud struct {
	t        testing.TB
	api      http.Handler
	handler  http.Handler // api, with its answers checked against the document
	store    *sqlite.Store
	engine   *recordingEngine
	identity *embedded.Identity
	admin    infra.Token // of project "demo"
	other    infra.Token // of another project
	reader   infra.Token // may only read project "demo"
	good     map[string]any
}

func newCloud(t testing.TB) *cloud {
	t.Helper()
	seeded := embeddedtest.New(t)
	s, identity, catalogue := seeded.Store, seeded.Identity, seeded.Catalogue
	c := &cloud{
		t: t, store: s, identity: identity, engine: &recordingEngine{}, admin: seeded.Admin,
		other:  seeded.AddUser("other-user", "other", infra.RoleMember),
		reader: seeded.AddUser("reader-user", "demo", infra.RoleReader),
	}
	_, _, err := catalogue.CreateKeypair(context.Background(), c.admin.ProjectID, c.admin.UserID, "test-keypair", "")
	must(t, err)
	c.good = goodRequest(seeded.Choose())
	api := New(Config{
		Store: s, Engine: c.engine, Catalogue: catalogue, Identity: identity, Projects: identity,
		Bundles: func() []string { return []string{"v1.30.3"} }, MaxImageBytes: 1 << 20,
	})
	c.api = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // as internal/api does
		ctx, call := respond.NewCall(r.Context(), "")
		api.ServeHTTP(w, r.WithContext(ctx))
		if err := call.Err(); err != nil && hanok.KindOf(err) == hanok.KindInternal {
			slog.Default().Error("internal", "error", err)
		}
	})
	c.handler = apitest.Handler(t, c.api)
	return c
}

func goodRequest(of embeddedtest.Choice) map[string]any {
	return map[string]any{
		"cluster_template_id": "iaas_console", "keypair": "test-keypair", "name": "test-k8s", "node_count": 2,
		"flavor_id": of.Flavor.ID, "fixed_network": of.Network.ID, "fixed_subnet": of.Subnet.ID,
		"labels": map[string]any{
			"availability_zone": "kr-pub-a", "boot_volume_size": "20", "boot_volume_type": "General HDD", "ca_enable": "false",
			"cert_manager_api": "True", "kube_tag": "v1.30.3", "master_lb_floating_ip_enabled": "true", "node_image": of.Image.ID,
			"external_network_id": of.External.ID, "external_subnet_id_list": of.ExternalSubnet.ID,
		},
	}
}

// reply is a response, read.
type reply struct {
	*httptest.ResponseRecorder
	body map[string]any
}

// call sends a request as somebody; body is JSON when it is no string or reader.
func (c *cloud) call(as infra.Token, method, path string, body any, headers ...string) reply {
	c.t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	case io.Reader:
		in = b
	default:
		raw, err := json.Marshal(b)
		must(c.t, err)
		in = bytes.NewReader(raw)
	}
	r := httptest.NewRequest(method, "http://cloud.example:9511"+path, in)
	if as.ID != "" {
		r.Header.Set("X-Auth-Token", as.ID)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	a := reply{ResponseRecorder: w}
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &a.body); err != nil {
			c.t.Fatalf("%s %s: %d with a body that is not a JSON object: %s", method, path, w.Code, w.Body)
		}
	}
	return a
}

func (c *cloud) get(path string) reply {
	c.t.Helper()
	return c.call(c.admin, http.MethodGet, path, nil)
}

// detail is the text of an error answer.
func (a reply) detail() string {
	errs, _ := a.body["errors"].([]any)
	if len(errs) != 1 {
		return ""
	}
	s, _ := errs[0].(map[string]any)["detail"].(string)
	return s
}

// put keeps a cluster with one group, two workers and one member, as an
// operation would have made it.
func (c *cloud) put(project, name string) (hanok.Cluster, hanok.NodeGroup) {
	c.t.Helper()
	created := time.Date(2024, 1, 30, 1, 31, 6, 0, time.UTC)
	most := 10
	cl := hanok.Cluster{
		UUID: uuid.NewString(), Name: name, ProjectID: project, UserID: "user", Keypair: "test-keypair", FlavorID: "f", FixedNetwork: "n", FixedSubnet: "s",
		CreateTimeout: 60, Labels: map[string]string{"kube_tag": "v1.30.3", "cert_manager_api": "True", "extra_volumes": "[]", "boot_volume_type": "General HDD", "boot_volume_size": "20"},
		Version: "v1.30.3", StackID: uuid.NewString(), Status: hanok.CreateComplete, APIAddress: "https://198.18.0.9:6443",
		HealthStatus: hanok.Healthy, HealthReason: map[string]string{"api": "ok"}, CreatedAt: created, UpdatedAt: created.Add(time.Minute),
	}
	g := hanok.NodeGroup{
		UUID: uuid.NewString(), ClusterUUID: cl.UUID, ProjectID: project, Name: hanok.DefaultWorkerGroup, Role: hanok.RoleWorker, IsDefault: true,
		FlavorID: "f", ImageID: "i", NodeCount: 2, MinNodeCount: 1, MaxNodeCount: &most, Labels: cl.Labels, Version: "v1.30.3",
		StackID: uuid.NewString(), Status: hanok.CreateComplete, CreatedAt: created,
	}
	must(c.t, c.store.Update(context.Background(), func(tx store.Tx) (err error) {
		if err := tx.PutCluster(cl); err != nil {
			return err
		}
		if g, err = tx.PutNodeGroup(g); err != nil {
			return err
		}
		for i, n := range []hanok.Node{
			{Role: hanok.RoleWorker, NodeGroupUUID: g.UUID, Address: "192.168.0.40"}, {Role: hanok.RoleWorker, NodeGroupUUID: g.UUID, Address: "192.168.0.19"},
			{Role: hanok.RoleWorker, NodeGroupUUID: g.UUID}, {Role: hanok.RoleMaster, Address: "198.18.0.5"},
		} {
			n.Key, n.UUID, n.ClusterUUID, n.ProjectID, n.Status = uuid.NewString(), uuid.NewString(), cl.UUID, project, hanok.NodeActive
			n.CreatedAt = created.Add(time.Duration(i) * time.Second)
			if err := tx.PutNode(n); err != nil {
				return err
			}
		}
		_, err = tx.InsertEvent(hanok.Event{
			UUID: uuid.NewString(), ProjectID: project, ClusterUUID: cl.UUID, ClusterName: name, ResourceUUID: cl.UUID, ResourceName: name,
			ResourceType: "cluster", Type: hanok.ClusterCreate, State: hanok.EventSuccess, CreatedAt: created, UpdatedAt: created,
		})
		return err
	}))
	return cl, g
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
