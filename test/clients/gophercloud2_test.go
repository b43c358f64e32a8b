package clients

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/apiversions"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/certificates"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clusters"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clustertemplates"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/nodegroups"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/quotas"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"github.com/hanok/hanok/api/apitest"
	"github.com/hanok/hanok/test/harness"
)

// gopher2 is gophercloud v2, as today's Terraform provider uses it.
type gopher2 struct {
	ctx    context.Context
	client *gophercloud.ServiceClient
}

// newGopher2 logs in by the version of Keystone's API that authPath names.
func newGopher2(t *testing.T, s *harness.Service, authPath string) *gopher2 {
	t.Helper()
	options := gophercloud.AuthOptions{
		IdentityEndpoint: s.URL + authPath, Username: s.User, Password: s.Password, TenantName: s.Project, DomainName: domainOf(authPath),
	}
	provider, err := openstack.NewClient(options.IdentityEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	provider.HTTPClient.Transport = apitest.Transport(t, http.DefaultTransport)
	if err := openstack.Authenticate(t.Context(), provider, options); err != nil {
		t.Fatal(err)
	}
	client, err := openstack.NewContainerInfraV1(provider, gophercloud.EndpointOpts{Region: "RegionOne"})
	if err != nil {
		t.Fatal(err)
	}
	return &gopher2{t.Context(), client}
}

// latest is the client with the microversion that the providers send with
// calls of node groups.
func (g *gopher2) latest() *gophercloud.ServiceClient {
	c := *g.client
	c.Microversion = "latest"
	return &c
}

func (g *gopher2) create(o clusters.CreateOpts) (string, error) {
	return clusters.Create(g.ctx, g.client, o).Extract()
}

func (g *gopher2) get(idOrName string) (clusters.Cluster, error) {
	return valueOf(clusters.Get(g.ctx, g.client, idOrName).Extract())
}

func (g *gopher2) list(pageSize int, detailed bool) (found []clusters.Cluster, pages int, err error) {
	list := clusters.List
	if detailed {
		list = clusters.ListDetail
	}
	err = list(g.client, clusters.ListOpts{Limit: pageSize}).EachPage(g.ctx, func(_ context.Context, p pagination.Page) (bool, error) {
		pages++
		all, err := clusters.ExtractClusters(p)
		found = append(found, all...)
		return true, err
	})
	return found, pages, err
}

func (g *gopher2) remove(id string) error { return clusters.Delete(g.ctx, g.client, id).ExtractErr() }

func (g *gopher2) update(cluster string, o clusters.UpdateOpts) error {
	_, err := clusters.Update(g.ctx, g.latest(), cluster, []clusters.UpdateOpts{o}).Extract()
	return err
}

func (g *gopher2) resize(cluster string, o clusters.ResizeOpts) error {
	_, err := clusters.Resize(g.ctx, g.latest(), cluster, o).Extract()
	return err
}

func (g *gopher2) groups(cluster string) ([]nodegroups.NodeGroup, error) {
	pages, err := nodegroups.List(g.latest(), cluster, nodegroups.ListOpts{}).AllPages(g.ctx)
	if err != nil {
		return nil, err
	}
	return nodegroups.ExtractNodeGroups(pages)
}

func (g *gopher2) group(cluster, idOrName string) (nodegroups.NodeGroup, error) {
	return valueOf(nodegroups.Get(g.ctx, g.latest(), cluster, idOrName).Extract())
}

func (g *gopher2) createGroup(cluster string, o nodegroups.CreateOpts) (nodegroups.NodeGroup, error) {
	return valueOf(nodegroups.Create(g.ctx, g.latest(), cluster, o).Extract())
}

func (g *gopher2) updateGroup(cluster, group string, o nodegroups.UpdateOpts) error {
	_, err := nodegroups.Update(g.ctx, g.latest(), cluster, group, []nodegroups.UpdateOpts{o}).Extract()
	return err
}

func (g *gopher2) removeGroup(cluster, group string) error {
	return nodegroups.Delete(g.ctx, g.latest(), cluster, group).ExtractErr()
}

func (g *gopher2) createQuota(o quotas.CreateOpts) error {
	_, err := quotas.Create(g.ctx, g.client, o).Extract()
	return err
}

func (g *gopher2) templates() ([]clustertemplates.ClusterTemplate, error) {
	pages, err := clustertemplates.List(g.client, clustertemplates.ListOpts{}).AllPages(g.ctx)
	if err != nil {
		return nil, err
	}
	return clustertemplates.ExtractClusterTemplates(pages)
}

func (g *gopher2) template(idOrName string) (clustertemplates.ClusterTemplate, error) {
	return valueOf(clustertemplates.Get(g.ctx, g.client, idOrName).Extract())
}

func (g *gopher2) ca(cluster string) (certificates.Certificate, error) {
	return valueOf(certificates.Get(g.ctx, g.client, cluster).Extract())
}

func (g *gopher2) sign(o certificates.CreateOpts) (certificates.Certificate, error) {
	return valueOf(certificates.Create(g.ctx, g.client, o).Extract())
}

func (g *gopher2) versions() ([]apiversions.APIVersion, error) {
	pages, err := apiversions.List(g.client).AllPages(g.ctx)
	if err != nil {
		return nil, err
	}
	return apiversions.ExtractAPIVersions(pages)
}

func (g *gopher2) codeOf(err error) int {
	var coded gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &coded) {
		return coded.GetStatusCode()
	}
	return 0
}

// valueOf is what gophercloud extracted, the zero value where it failed.
func valueOf[T any](p *T, err error) (v T, _ error) {
	if err == nil {
		v = *p
	}
	return v, err
}
