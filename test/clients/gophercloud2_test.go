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
	s      *harness.Service
	client *gophercloud.ServiceClient
}

// newGopher2 logs in by the version of Keystone's API that authPath names.
func newGopher2(t *testing.T, s *harness.Service, authPath string) *gopher2 {
	t.Helper()
	options := gophercloud.AuthOptions{
		IdentityEndpoint: s.URL + authPath, Username: s.User, Password: s.Password, TenantName: s.Project,
	}
	if authPath == pathV3 {
		options.DomainName = "Default"
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
	return &gopher2{t.Context(), s, client}
}

// latest is the client with the microversion that the providers send with
// calls of node groups.
func (g *gopher2) latest() *gophercloud.ServiceClient {
	c := *g.client
	c.Microversion = "latest"
	return &c
}

func (g *gopher2) create(name string, labels map[string]string) (string, error) {
	timeout, one, yes := 60, 1, true
	c := g.s.Choice
	return clusters.Create(g.ctx, g.client, clusters.CreateOpts{
		Name: name, ClusterTemplateID: "iaas_console", CreateTimeout: &timeout, NodeCount: &one, MasterCount: &one,
		FlavorID: c.FlavorID, Keypair: harness.KeypairName, FixedNetwork: c.NetworkID, FixedSubnet: c.SubnetID,
		Labels: labels, MasterLBEnabled: &yes,
	}).Extract()
}

func cluster2(c clusters.Cluster) cluster {
	return cluster{
		UUID: c.UUID, Name: c.Name, Status: c.Status, ProjectID: c.ProjectID, FlavorID: c.FlavorID, KeyPair: c.KeyPair,
		APIAddress: c.APIAddress, COEVersion: c.COEVersion, StackID: c.StackID, TemplateID: c.ClusterTemplateID,
		FixedNetwork: c.FixedNetwork, FixedSubnet: c.FixedSubnet, HealthStatus: c.HealthStatus, StatusReason: c.StatusReason, NodeCount: c.NodeCount,
		MasterCount: c.MasterCount, CreateTimeout: c.CreateTimeout, Labels: c.Labels, NodeAddresses: c.NodeAddresses,
		CreatedAt: c.CreatedAt,
	}
}

func (g *gopher2) get(idOrName string) (cluster, error) {
	c, err := clusters.Get(g.ctx, g.client, idOrName).Extract()
	if err != nil {
		return cluster{}, err
	}
	return cluster2(*c), nil
}

func (g *gopher2) list(pageSize int, detailed bool) (found []cluster, pages int, err error) {
	list := clusters.List
	if detailed {
		list = clusters.ListDetail
	}
	err = list(g.client, clusters.ListOpts{Limit: pageSize}).EachPage(g.ctx, func(_ context.Context, p pagination.Page) (bool, error) {
		pages++
		all, err := clusters.ExtractClusters(p)
		for _, c := range all {
			found = append(found, cluster2(c))
		}
		return true, err
	})
	return found, pages, err
}

func (g *gopher2) remove(id string) error { return clusters.Delete(g.ctx, g.client, id).ExtractErr() }

func (g *gopher2) patchNodeCount(cluster string, nodes int) error {
	_, err := clusters.Update(g.ctx, g.latest(), cluster, []clusters.UpdateOptsBuilder{
		clusters.UpdateOpts{Op: clusters.ReplaceOp, Path: "/node_count", Value: nodes},
	}).Extract()
	return err
}

func (g *gopher2) resize(cluster, group string, nodes int) error {
	_, err := clusters.Resize(g.ctx, g.latest(), cluster, clusters.ResizeOpts{NodeCount: &nodes, NodeGroup: group}).Extract()
	return err
}

func (g *gopher2) createGroup(cluster, name string, nodes int, labels map[string]string) (group, error) {
	n, err := nodegroups.Create(g.ctx, g.latest(), cluster, nodegroups.CreateOpts{
		Name: name, NodeCount: &nodes, FlavorID: g.s.Choice.FlavorID, ImageID: g.s.Choice.ImageID, Labels: labels,
	}).Extract()
	if err != nil {
		return group{}, err
	}
	return group2(*n), nil
}

func (g *gopher2) patchMaxNodeCount(cluster, group string, most int) error {
	_, err := nodegroups.Update(g.ctx, g.latest(), cluster, group, []nodegroups.UpdateOptsBuilder{
		nodegroups.UpdateOpts{Op: nodegroups.ReplaceOp, Path: "/max_node_count", Value: most},
	}).Extract()
	return err
}

func (g *gopher2) removeGroup(cluster, group string) error {
	return nodegroups.Delete(g.ctx, g.latest(), cluster, group).ExtractErr()
}

func (g *gopher2) createQuota(project string, clusters int) error {
	_, err := quotas.Create(g.ctx, g.client, quotas.CreateOpts{ProjectID: project, Resource: "Cluster", HardLimit: clusters}).Extract()
	return err
}

func group2(n nodegroups.NodeGroup) group {
	most := 0
	if n.MaxNodeCount != nil {
		most = *n.MaxNodeCount
	}
	return group{
		UUID: n.UUID, Name: n.Name, ClusterID: n.ClusterID, FlavorID: n.FlavorID, ImageID: n.ImageID, Role: n.Role,
		Status: n.Status, StatusReason: n.StatusReason, NodeCount: n.NodeCount, MinNodeCount: n.MinNodeCount, MaxNodeCount: most, IsDefault: n.IsDefault, Labels: n.Labels,
		NodeAddresses: n.NodeAddresses,
	}
}

func (g *gopher2) groups(cluster string) (found []group, err error) {
	pages, err := nodegroups.List(g.latest(), cluster, nodegroups.ListOpts{}).AllPages(g.ctx)
	if err != nil {
		return nil, err
	}
	all, err := nodegroups.ExtractNodeGroups(pages)
	for _, n := range all {
		found = append(found, group2(n))
	}
	return found, err
}

func (g *gopher2) group(cluster, idOrName string) (group, error) {
	n, err := nodegroups.Get(g.ctx, g.latest(), cluster, idOrName).Extract()
	if err != nil {
		return group{}, err
	}
	return group2(*n), nil
}

func (g *gopher2) templates() (names []string, err error) {
	pages, err := clustertemplates.List(g.client, clustertemplates.ListOpts{}).AllPages(g.ctx)
	if err != nil {
		return nil, err
	}
	all, err := clustertemplates.ExtractClusterTemplates(pages)
	for _, ct := range all {
		names = append(names, ct.Name)
	}
	return names, err
}

func (g *gopher2) template(idOrName string) (string, bool, error) {
	ct, err := clustertemplates.Get(g.ctx, g.client, idOrName).Extract()
	if err != nil {
		return "", false, err
	}
	return ct.COE, ct.TLSDisabled, nil
}

func (g *gopher2) ca(cluster string) (string, error) {
	c, err := certificates.Get(g.ctx, g.client, cluster).Extract()
	if err != nil {
		return "", err
	}
	return c.PEM, nil
}

func (g *gopher2) sign(cluster, csr string) (string, error) {
	c, err := certificates.Create(g.ctx, g.client, certificates.CreateOpts{ClusterUUID: cluster, CSR: csr}).Extract()
	if err != nil {
		return "", err
	}
	return c.PEM, nil
}

func (g *gopher2) versions() (ids []string, err error) {
	pages, err := apiversions.List(g.client).AllPages(g.ctx)
	if err != nil {
		return nil, err
	}
	all, err := apiversions.ExtractAPIVersions(pages)
	for _, v := range all {
		ids = append(ids, v.ID)
	}
	return ids, err
}

func (g *gopher2) codeOf(err error) int {
	var coded gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &coded) {
		return coded.GetStatusCode()
	}
	return 0
}
