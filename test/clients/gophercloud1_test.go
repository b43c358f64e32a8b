package clients

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack"
	"github.com/gophercloud/gophercloud/openstack/containerinfra/apiversions"
	"github.com/gophercloud/gophercloud/openstack/containerinfra/v1/certificates"
	"github.com/gophercloud/gophercloud/openstack/containerinfra/v1/clusters"
	"github.com/gophercloud/gophercloud/openstack/containerinfra/v1/clustertemplates"
	"github.com/gophercloud/gophercloud/openstack/containerinfra/v1/nodegroups"
	"github.com/gophercloud/gophercloud/openstack/containerinfra/v1/quotas"
	"github.com/gophercloud/gophercloud/pagination"
	apiversions2 "github.com/gophercloud/gophercloud/v2/openstack/containerinfra/apiversions"
	certificates2 "github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/certificates"
	clusters2 "github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clusters"
	clustertemplates2 "github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clustertemplates"
	nodegroups2 "github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/nodegroups"
	quotas2 "github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/quotas"

	"github.com/hanok/hanok/api/apitest"
	"github.com/hanok/hanok/test/harness"
)

// gopher1 is gophercloud before v2, as the Terraform providers of NHN Cloud
// and of older OpenStack use it: no microversion but where a call needs one.
// It decodes in its own types and tells what it found in v2's.
type gopher1 struct{ client *gophercloud.ServiceClient }

// newGopher1 logs in by the version of Keystone's API that authPath names.
func newGopher1(t *testing.T, s *harness.Service, authPath string) *gopher1 {
	t.Helper()
	options := gophercloud.AuthOptions{
		IdentityEndpoint: s.URL + authPath, Username: s.User, Password: s.Password, TenantName: s.Project, DomainName: domainOf(authPath),
	}
	provider, err := openstack.NewClient(options.IdentityEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	provider.HTTPClient.Transport = apitest.Transport(t, http.DefaultTransport)
	if err := openstack.Authenticate(provider, options); err != nil {
		t.Fatal(err)
	}
	client, err := openstack.NewContainerInfraV1(provider, gophercloud.EndpointOpts{Region: "RegionOne"})
	if err != nil {
		t.Fatal(err)
	}
	return &gopher1{client}
}

// latest is the client with the microversion that the providers send with
// calls of node groups.
func (g *gopher1) latest() *gophercloud.ServiceClient {
	c := *g.client
	c.Microversion = "latest"
	return &c
}

func (g *gopher1) create(o clusters2.CreateOpts) (string, error) {
	return clusters.Create(g.client, clusters.CreateOpts(o)).Extract()
}

func (g *gopher1) get(idOrName string) (clusters2.Cluster, error) {
	return as[clusters2.Cluster](clusters.Get(g.client, idOrName).Extract())
}

func (g *gopher1) list(pageSize int, detailed bool) (found []clusters2.Cluster, pages int, err error) {
	list := clusters.List
	if detailed {
		list = clusters.ListDetail
	}
	err = list(g.client, clusters.ListOpts{Limit: pageSize}).EachPage(func(p pagination.Page) (bool, error) {
		pages++
		all, err := as[[]clusters2.Cluster](clusters.ExtractClusters(p))
		found = append(found, all...)
		return true, err
	})
	return found, pages, err
}

func (g *gopher1) remove(id string) error { return clusters.Delete(g.client, id).ExtractErr() }

func (g *gopher1) update(cluster string, o clusters2.UpdateOpts) error {
	_, err := clusters.Update(g.latest(), cluster, []clusters.UpdateOptsBuilder{
		clusters.UpdateOpts{Op: clusters.UpdateOp(o.Op), Path: o.Path, Value: o.Value},
	}).Extract()
	return err
}

func (g *gopher1) resize(cluster string, o clusters2.ResizeOpts) error {
	_, err := clusters.Resize(g.latest(), cluster, clusters.ResizeOpts(o)).Extract()
	return err
}

func (g *gopher1) groups(cluster string) ([]nodegroups2.NodeGroup, error) {
	pages, err := nodegroups.List(g.latest(), cluster, nodegroups.ListOpts{}).AllPages()
	if err != nil {
		return nil, err
	}
	return as[[]nodegroups2.NodeGroup](nodegroups.ExtractNodeGroups(pages))
}

func (g *gopher1) group(cluster, idOrName string) (nodegroups2.NodeGroup, error) {
	return as[nodegroups2.NodeGroup](nodegroups.Get(g.latest(), cluster, idOrName).Extract())
}

func (g *gopher1) createGroup(cluster string, o nodegroups2.CreateOpts) (nodegroups2.NodeGroup, error) {
	return as[nodegroups2.NodeGroup](nodegroups.Create(g.latest(), cluster, nodegroups.CreateOpts(o)).Extract())
}

func (g *gopher1) updateGroup(cluster, group string, o nodegroups2.UpdateOpts) error {
	_, err := nodegroups.Update(g.latest(), cluster, group, []nodegroups.UpdateOptsBuilder{
		nodegroups.UpdateOpts{Op: nodegroups.UpdateOp(o.Op), Path: o.Path, Value: o.Value},
	}).Extract()
	return err
}

func (g *gopher1) removeGroup(cluster, group string) error {
	return nodegroups.Delete(g.latest(), cluster, group).ExtractErr()
}

func (g *gopher1) createQuota(o quotas2.CreateOpts) error {
	_, err := quotas.Create(g.client, quotas.CreateOpts(o)).Extract()
	return err
}

func (g *gopher1) templates() ([]clustertemplates2.ClusterTemplate, error) {
	pages, err := clustertemplates.List(g.client, clustertemplates.ListOpts{}).AllPages()
	if err != nil {
		return nil, err
	}
	return as[[]clustertemplates2.ClusterTemplate](clustertemplates.ExtractClusterTemplates(pages))
}

func (g *gopher1) template(idOrName string) (clustertemplates2.ClusterTemplate, error) {
	return as[clustertemplates2.ClusterTemplate](clustertemplates.Get(g.client, idOrName).Extract())
}

func (g *gopher1) ca(cluster string) (certificates2.Certificate, error) {
	return as[certificates2.Certificate](certificates.Get(g.client, cluster).Extract())
}

func (g *gopher1) sign(o certificates2.CreateOpts) (certificates2.Certificate, error) {
	return as[certificates2.Certificate](certificates.Create(g.client, certificates.CreateOpts(o)).Extract())
}

func (g *gopher1) versions() ([]apiversions2.APIVersion, error) {
	pages, err := apiversions.List(g.client).AllPages()
	if err != nil {
		return nil, err
	}
	return as[[]apiversions2.APIVersion](apiversions.ExtractAPIVersions(pages))
}

func (g *gopher1) codeOf(err error) int {
	var coded gophercloud.StatusCodeError
	if errors.As(err, &coded) {
		return coded.GetStatusCode()
	}
	return 0
}

// as copies what was decoded into v2's type of it: the names of the fields in
// JSON are the same in both.
func as[T any](v any, err error) (same T, _ error) {
	if err != nil {
		return same, err
	}
	text, err := json.Marshal(v)
	if err != nil {
		return same, err
	}
	err = json.Unmarshal(text, &same)
	return same, err
}
