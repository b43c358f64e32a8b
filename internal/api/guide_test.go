package api

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

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/api/catalogue"
	"github.com/hanok/hanok/internal/api/identity"
	"github.com/hanok/hanok/internal/api/magnum"
	"github.com/hanok/hanok/internal/infra/embedded/embeddedtest"
)

// admitting is an engine that takes every plan and carries none out.
type admitting struct {
	magnum.Engine
	plans chan *admission.ClusterPlan
}

func (e admitting) CreateCluster(_ context.Context, p *admission.ClusterPlan) (hanok.Cluster, error) {
	e.plans <- p
	c := p.Cluster
	c.UUID = "5801ef8a-3760-4858-b467-fc4c1201241d"
	return c, nil
}

// reader is somebody who follows the guide: URL and password are all that is
// known at first.
type reader struct {
	*testing.T
	url     string
	token   string
	catalog map[string]string // service type → URL
}

// send gives the answer's body, which must be JSON, and fails on another status.
func (g *reader) send(method, url string, body any, status int) map[string]any {
	g.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		g.Fatal(err)
	}
	req, err := http.NewRequestWithContext(g.Context(), method, url, bytes.NewReader(raw))
	if err != nil {
		g.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("OpenStack-API-Version", "container-infra latest")
	req.Header.Set("X-Auth-Token", g.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		g.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		g.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil || res.StatusCode != status {
		g.Fatalf("%s %s: %d %s (%v), want %d", method, url, res.StatusCode, text, err, status)
	}
	return answer
}

// list looks something up, and gives the objects under a key.
func (g *reader) list(service, path, key string) []map[string]any {
	g.Helper()
	base := g.catalog[service]
	if base == "" {
		g.Fatalf("the catalogue has no %s", service)
	}
	items, _ := g.send(http.MethodGet, base+path, nil, http.StatusOK)[key].([]any)
	if len(items) == 0 {
		g.Fatalf("%s %s lists no %s", service, path, key)
	}
	objects := make([]map[string]any, 0, len(items))
	for _, i := range items {
		objects = append(objects, i.(map[string]any))
	}
	return objects
}

// newGuideReader serves the API over a fresh installation and asks for a
// token as the guide's "API Preparations" do.
func newGuideReader(t *testing.T, engine magnum.Engine) *reader {
	t.Helper()
	c := embeddedtest.New(t)
	services := catalogue.New(catalogue.Config{Catalogue: c.Catalogue, Identity: c.Identity, Store: c.Store})
	services[identity.Prefix] = identity.New(identity.Config{Identity: c.Identity, Projects: c.Identity})
	server := httptest.NewServer(NewServer(Config{
		Log: slog.New(slog.DiscardHandler), Services: services,
		Magnum: magnum.New(magnum.Config{
			Store: c.Store, Engine: engine, Catalogue: c.Catalogue, Identity: c.Identity, Bundles: func() []string { return []string{"v1.30.3"} },
		}),
	}))
	t.Cleanup(server.Close)
	g := &reader{T: t, url: server.URL, catalog: map[string]string{}}

	access := g.send(http.MethodPost, g.url+"/identity/v2.0/tokens", map[string]any{"auth": map[string]any{
		"tenantId": c.Admin.ProjectID, "passwordCredentials": map[string]any{"username": c.Admin.UserName, "password": embeddedtest.Password},
	}}, http.StatusOK)["access"].(map[string]any)
	g.token = access["token"].(map[string]any)["id"].(string)
	for _, entry := range access["serviceCatalog"].([]any) {
		e := entry.(map[string]any)
		g.catalog[e["type"].(string)] = e["endpoints"].([]any)[0].(map[string]any)["publicURL"].(string)
	}
	return g
}

// TestGuideLookUps goes through the guide's chapter "Check the Information of
// Resources Used in API", one section after the other, and puts what it finds
// into a create request.
func TestGuideLookUps(t *testing.T) {
	t.Parallel()
	engine := admitting{plans: make(chan *admission.ClusterPlan, 1)}
	g := newGuideReader(t, engine)
	labels := map[string]any{
		"boot_volume_size": "20", "ca_enable": "false", "cert_manager_api": "True",
		"kube_tag": "v1.30.3", "master_lb_floating_ip_enabled": "true",
	}
	request := map[string]any{"cluster_template_id": "iaas_console", "create_timeout": 60, "name": "test-k8s", "node_count": 1, "labels": labels}

	// UUID of the VPC Network Attached to the Internet Gateway
	external := g.list("network", "/v2.0/networks?router:external=True", "networks")
	labels["external_network_id"] = external[0]["id"]
	if vpcs := g.list("network", "/v2.0/vpcs?router:external=true", "vpcs"); vpcs[0]["id"] != external[0]["id"] {
		t.Errorf("vpcs name another network: %v and %v", vpcs, external)
	}

	// List of UUIDs of Subnets Attached to the Internet Gateway
	var ids []string
	for _, s := range g.list("network", "/v2.0/vpcsubnets?vpc_id="+external[0]["id"].(string), "vpcsubnets") {
		ids = append(ids, s["id"].(string))
	}
	labels["external_subnet_id_list"] = strings.Join(ids, ":")

	// VPC Network UUID
	vpc := g.list("network", "/v2.0/vpcs?router:external=false", "vpcs")[0]
	request["fixed_network"] = vpc["id"]

	// VPC Subnet UUID: one whose routing table has an internet gateway
	detail := g.send(http.MethodGet, g.catalog["network"]+"/v2.0/vpcs/"+vpc["id"].(string), nil, http.StatusOK)["vpc"].(map[string]any)
	if len(detail["subnets"].([]any)) == 0 || len(detail["routingtables"].([]any)) == 0 {
		t.Errorf("the VPC in detail: %v", detail)
	}
	for _, s := range g.list("network", "/v2.0/vpcsubnets?vpc_id="+vpc["id"].(string), "vpcsubnets") {
		if s["routingtable"].(map[string]any)["gateway_id"] != "" && s["available_ip_count"].(float64) > 0 {
			request["fixed_subnet"] = s["id"]
		}
	}

	// Availability Zone UUID
	zone := g.list("compute", "/os-availability-zone", "availabilityZoneInfo")[0]
	labels["availability_zone"] = zone["zoneName"]

	// Key Pair UUID: a new project has none, so one is made
	g.send(http.MethodPost, g.catalog["compute"]+"/os-keypairs", map[string]any{"keypair": map[string]any{"name": "guide"}}, http.StatusOK)
	request["keypair"] = g.list("compute", "/os-keypairs", "keypairs")[0]["keypair"].(map[string]any)["name"]

	// Base Image UUID
	image := g.list("image", "/v2/images?nhncloud_product=container&visibility=public", "images")[0]
	labels["node_image"] = image["id"]
	if newer := g.list("image", "/v2/images?nhncloud_allow_nks_cpu_flavor=true", "images"); newer[0]["id"] != image["id"] {
		t.Errorf("the newer guide's filter finds %v", newer)
	}

	// Block Storage Type
	labels["boot_volume_type"] = g.list("volumev2", "/types", "volume_types")[0]["name"]

	// Flavor UUID
	request["flavor_id"] = g.list("compute", "/flavors?minRam=2048", "flavors")[0]["id"]
	if detail := g.list("compute", "/flavors/detail", "flavors"); detail[0]["vcpus"] == nil {
		t.Errorf("flavors in detail: %v", detail[0])
	}

	answer := g.send(http.MethodPost, g.catalog["kubernetes"]+"/v1/clusters", request, http.StatusAccepted)
	plan := <-engine.plans
	if answer["uuid"] == "" || plan.Subnet.ID != request["fixed_subnet"] || plan.Image.ID != image["id"] || plan.Keypair.Name != "guide" || plan.Zone != zone["zoneName"] {
		t.Errorf("%v from the plan %+v", answer, plan)
	}
}
