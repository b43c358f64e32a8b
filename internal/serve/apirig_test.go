package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/api/apitest"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/embedded"
	"github.com/hanok/hanok/internal/quota"
	"github.com/hanok/hanok/internal/store"
)

// apiRig is the whole API of a service whose workers do not run: operations
// are accepted and recorded, and go no further. Every answer is checked
// against the document.
type apiRig struct {
	*testing.T
	svc   *service
	url   string
	users *embedded.Identity

	admin, reader, outsider infra.Token // admin and reader of "demo", outsider a member of "other"
	request                 map[string]any
	made                    int // clusters so far, for their names
}

const rigPassword = "correct horse battery"

func newAPIRig(t *testing.T) *apiRig {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	// A version counts as offered where it has a directory.
	must(t, os.MkdirAll(filepath.Join(dir, "cache", "bundles", "v1.30.3"), 0o755))
	s, err := assemble(ctx, configure(t, dir), options(t, io.Discard), slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(s.close)
	r := &apiRig{T: t, svc: s, users: embedded.NewIdentity(s.store, embedded.IdentityOptions{})}
	server := httptest.NewServer(apitest.Handler(t, s.api.Handler))
	t.Cleanup(server.Close)
	r.url = server.URL

	password, err := os.ReadFile(filepath.Join(dir, InitialPasswordFile))
	must(t, err)
	r.admin = r.login("admin", strings.TrimSpace(string(password)), "demo")
	_, err = r.users.CreateProject(ctx, "other")
	must(t, err)
	r.reader = r.user("reader", "demo", infra.RoleReader)
	r.outsider = r.user("outsider", "other", infra.RoleMember)
	r.must(r.call(r.admin, "POST", "/compute/v2.1/os-keypairs", `{"keypair":{"name":"test-keypair"}}`), 200)
	r.setQuota()
	r.request = r.goodCluster()
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *apiRig) user(name, project, role string) infra.Token {
	r.Helper()
	ctx := context.Background()
	all, err := r.users.AllProjects(ctx)
	must(r.T, err)
	for _, p := range all {
		if p.Name == project {
			_, err := r.users.CreateUser(ctx, name, rigPassword, p.ID)
			must(r.T, err)
			must(r.T, r.users.SetRoles(ctx, name, p.ID, role))
		}
	}
	return r.login(name, rigPassword, project)
}

func (r *apiRig) login(name, password, project string) infra.Token {
	r.Helper()
	token, err := r.users.Authenticate(context.Background(), infra.Credentials{UserName: name, Password: password, ProjectName: project})
	must(r.T, err)
	return token
}

// rigAnswer is an answer, read.
type rigAnswer struct {
	name   string // of the request
	status int
	header http.Header
	raw    string
}

// call sends a request as somebody ("" is nobody); headers are pairs.
func (r *apiRig) call(as infra.Token, method, path, body string, headers ...string) rigAnswer {
	r.Helper()
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	must(r.T, err)
	if as.ID != "" {
		req.Header.Set("X-Auth-Token", as.ID)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	must(r.T, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(r.T, err)
	if !strings.HasPrefix(res.Header.Get("X-OpenStack-Request-Id"), "req-") {
		r.Errorf("%s %s: no request id", method, path)
	}
	var failed struct {
		Errors []struct {
			RequestID string `json:"request_id"`
		}
	}
	if json.Unmarshal(b, &failed) == nil && len(failed.Errors) == 1 && failed.Errors[0].RequestID != res.Header.Get("X-OpenStack-Request-Id") {
		r.Errorf("%s %s: the error's request id is not the answer's: %s", method, path, b)
	}
	return rigAnswer{method + " " + path, res.StatusCode, res.Header, string(b)}
}

// setQuota lets the test's project have more than it needs.
func (r *apiRig) setQuota() {
	r.Helper()
	must(r.T, r.svc.store.Update(context.Background(), func(tx store.Tx) error {
		for _, resource := range []quota.Resource{quota.Cluster, quota.NodeGroup} {
			if _, err := quota.Set(tx, r.admin.ProjectID, resource, 100_000, time.Unix(1e9, 0)); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (r *apiRig) must(a rigAnswer, status int) rigAnswer {
	r.Helper()
	if a.status != status {
		r.Fatalf("%s: %d %s; want %d", a.name, a.status, a.raw, status)
	}
	return a
}

// first gives a field of the first entry of a list.
func (r *apiRig) first(path, list, field string) string {
	r.Helper()
	var body map[string]any
	must(r.T, json.Unmarshal([]byte(r.must(r.call(r.admin, "GET", path, ""), 200).raw), &body))
	items, _ := body[list].([]any)
	if len(items) == 0 {
		r.Fatalf("%s has no %s", path, list)
	}
	return items[0].(map[string]any)[field].(string)
}

// goodCluster is a create request that is accepted, made of what the
// catalogue says.
func (r *apiRig) goodCluster() map[string]any {
	r.Helper()
	labels := map[string]any{
		"availability_zone": "kr-pub-a", "boot_volume_size": "20", "boot_volume_type": "General HDD", "ca_enable": "false",
		"cert_manager_api": "True", "kube_tag": "v1.30.3", "master_lb_floating_ip_enabled": "true",
		"node_image":              r.first("/image/v2/images?nhncloud_product=container&visibility=public", "images", "id"),
		"external_network_id":     r.first("/network/v2.0/vpcs?router:external=True", "vpcs", "id"),
		"external_subnet_id_list": r.first("/network/v2.0/vpcsubnets?router:external=True", "vpcsubnets", "id"),
	}
	vpc := r.first("/network/v2.0/vpcs?router:external=False", "vpcs", "id")
	return map[string]any{
		"cluster_template_id": "iaas_console", "keypair": "test-keypair", "node_count": 2, "labels": labels,
		"flavor_id": r.first("/compute/v2/flavors", "flavors", "id"), "fixed_network": vpc,
		"fixed_subnet": r.first("/network/v2.0/vpcsubnets?router:external=False&vpc_id="+vpc, "vpcsubnets", "id"),
	}
}

// rigCluster is a cluster at rest, with two workers: the first runs, the
// second is stopped, and a third runs.
type rigCluster struct {
	uuid, group      string
	running, stopped string // nodes
	event            string
}

// cluster makes a cluster through the API and writes down that it is made.
func (r *apiRig) cluster() rigCluster {
	r.Helper()
	ctx := context.Background()
	r.made++
	body := map[string]any{"name": fmt.Sprintf("c%d", r.made)}
	for k, v := range r.request {
		body[k] = v
	}
	body["node_count"] = 3
	raw, err := json.Marshal(body)
	must(r.T, err)
	var made struct {
		UUID string `json:"uuid"`
	}
	must(r.T, json.Unmarshal([]byte(r.must(r.call(r.admin, "POST", "/v1/clusters", string(raw)), 202).raw), &made))
	c := rigCluster{uuid: made.UUID}
	now := time.Now()
	must(r.T, r.svc.store.Update(ctx, func(tx store.Tx) error {
		record, err := tx.Cluster(made.UUID)
		if err != nil {
			return err
		}
		record.Status, record.APIAddress = hanok.CreateComplete, "https://198.18.0.9:6443"
		if err := tx.PutCluster(record); err != nil {
			return err
		}
		groups, err := tx.NodeGroups(made.UUID)
		if err != nil {
			return err
		}
		groups[0].Status, c.group = hanok.CreateComplete, groups[0].UUID
		if _, err := tx.PutNodeGroup(groups[0]); err != nil {
			return err
		}
		nodes, err := tx.Nodes(made.UUID)
		if err != nil {
			return err
		}
		for i, n := range nodes {
			n.UUID, n.Status, n.Address = fmt.Sprintf("%s%04d", made.UUID[:32], i), hanok.NodeActive, fmt.Sprintf("192.168.0.%d", 10+i)
			if n.Role == hanok.RoleWorker && c.running == "" {
				c.running = n.UUID
			} else if n.Role == hanok.RoleWorker && c.stopped == "" {
				c.stopped, n.Status = n.UUID, hanok.NodeShutoff
			}
			if err := tx.PutNode(n); err != nil {
				return err
			}
		}
		events, err := tx.Events(made.UUID)
		if err != nil {
			return err
		}
		c.event = events[0].UUID
		events[0].State, events[0].UpdatedAt = hanok.EventSuccess, now
		if err := tx.UpdateEvent(events[0]); err != nil {
			return err
		}
		return setEndpoint(tx, made.UUID)
	}))
	return c
}

// setEndpoint writes a cluster's address into what the engine keeps of it.
func setEndpoint(tx store.Tx, cluster string) error {
	d, err := tx.Document("cluster-spec", cluster)
	if err != nil {
		return err
	}
	var spec map[string]any
	if err := json.Unmarshal(d.Body, &spec); err != nil {
		return err
	}
	spec["Endpoint"] = "198.18.0.9:6443"
	if d.Body, err = json.Marshal(spec); err != nil {
		return err
	}
	return tx.PutDocument(d)
}

// state is everything of clusters that the store holds, as text.
func (r *apiRig) state() string {
	r.Helper()
	var b bytes.Buffer
	must(r.T, r.svc.store.View(context.Background(), func(tx store.Tx) error {
		b.Reset()
		clusters, err := tx.Clusters("")
		if err != nil {
			return err
		}
		for _, c := range clusters {
			groups, err := tx.NodeGroups(c.UUID)
			if err != nil {
				return err
			}
			events, err := tx.Events(c.UUID)
			if err != nil {
				return err
			}
			if err := json.NewEncoder(&b).Encode([]any{c, groups, events}); err != nil {
				return err
			}
		}
		nodes, err := tx.AllNodes("")
		if err != nil {
			return err
		}
		all := []any{nodes}
		for _, kind := range []string{"quota", "keypair", "application credential", "user", "project", "network", "subnet"} {
			documents, err := tx.Documents(kind, "")
			if err != nil {
				return err
			}
			all = append(all, documents)
		}
		return json.NewEncoder(&b).Encode(all)
	}))
	return b.String()
}
