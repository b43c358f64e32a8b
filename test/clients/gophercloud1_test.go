package clients

import (
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

	"github.com/hanok/hanok/api/apitest"
	"github.com/hanok/hanok/test/harness"
)

// gopher1 is gophercloud before v2, as the Terraform providers of NHN Cloud
// and of older OpenStack use it: no microversion but where a call needs one.
type gopher1 struct {
	s      *harness.Service
	client *gophercloud.ServiceClient
}

// newGopher1 logs in by the version of Keystone's API that authPath names.
func newGopher1(t *testing.T, s *harness.Service, authPath string) *gopher1 {
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
	if err := openstack.Authenticate(provider, options); err != nil {
		t.Fatal(err)
	}
	client, err := openstack.NewContainerInfraV1(provider, gophercloud.EndpointOpts{Region: "RegionOne"})
	if err != nil {
		t.Fatal(err)
	}
	return &gopher1{s, client}
}

// latest is the client with the microversion that the providers send with
// calls of node groups.
func (g *gopher1) latest() *gophercloud.ServiceClient {
	c := *g.client
	c.Microversion = "latest"
	return &c
}

func (g *gopher1) create(name string, labels map[string]string) (string, error) {
	timeout, one, yes := 60, 1, true
	c := g.s.Choice
	return clusters.Create(g.client, clusters.CreateOpts{
		Name: name, ClusterTemplateID: "iaas_console", CreateTimeout: &timeout, NodeCount: &one, MasterCount: &one,
		FlavorID: c.FlavorID, Keypair: harness.KeypairName, FixedNetwork: c.NetworkID, FixedSubnet: c.SubnetID,
		Labels: labels, MasterLBEnabled: &yes,
	}).Extract()
}

func cluster1(c clusters.Cluster) cluster {
	return cluster{
		UUID: c.UUID, Name: c.Name, Status: c.Status, ProjectID: c.ProjectID, FlavorID: c.FlavorID, KeyPair: c.KeyPair,
		APIAddress: c.APIAddress, COEVersion: c.COEVersion, StackID: c.StackID, TemplateID: c.ClusterTemplateID,
		FixedNetwork: c.FixedNetwork, FixedSubnet: c.FixedSubnet, HealthStatus: c.HealthStatus, StatusReason: c.StatusReason, NodeCount: c.NodeCount,
		MasterCount: c.MasterCount, CreateTimeout: c.CreateTimeout, Labels: c.Labels, NodeAddresses: c.NodeAddresses,
		CreatedAt: c.CreatedAt,
	}
}

func (g *gopher1) get(idOrName string) (cluster, error) {
	c, err := clusters.Get(g.client, idOrName).Extract()
	if err != nil {
		return cluster{}, err
	}
	return cluster1(*c), nil
}

func (g *gopher1) list(pageSize int, detailed bool) (found []cluster, pages int, err error) {
	list := clusters.List
	if detailed {
		list = clusters.ListDetail
	}
	err = list(g.client, clusters.ListOpts{Limit: pageSize}).EachPage(func(p pagination.Page) (bool, error) {
		pages++
		all, err := clusters.ExtractClusters(p)
		for _, c := range all {
			found = append(found, cluster1(c))
		}
		return true, err
	})
	return found, pages, err
}

func (g *gopher1) remove(id string) error { return clusters.Delete(g.client, id).ExtractErr() }

func (g *gopher1) patchNodeCount(cluster string, nodes int) error {
	_, err := clusters.Update(g.latest(), cluster, []clusters.UpdateOptsBuilder{
		clusters.UpdateOpts{Op: clusters.ReplaceOp, Path: "/node_count", Value: nodes},
	}).Extract()
	return err
}

func (g *gopher1) resize(cluster, group string, nodes int) error {
	_, err := clusters.Resize(g.latest(), cluster, clusters.ResizeOpts{NodeCount: &nodes, NodeGroup: group}).Extract()
	return err
}

func (g *gopher1) createGroup(cluster, name string, nodes int, labels map[string]string) (group, error) {
	n, err := nodegroups.Create(g.latest(), cluster, nodegroups.CreateOpts{
		Name: name, NodeCount: &nodes, FlavorID: g.s.Choice.FlavorID, ImageID: g.s.Choice.ImageID, Labels: labels,
	}).Extract()
	if err != nil {
		return group{}, err
	}
	return group1(*n), nil
}

func (g *gopher1) patchMaxNodeCount(cluster, group string, most int) error {
	_, err := nodegroups.Update(g.latest(), cluster, group, []nodegroups.UpdateOptsBuilder{
		nodegroups.UpdateOpts{Op: nodegroups.ReplaceOp, Path: "/max_node_count", Value: most},
	}).Extract()
	return err
}

func (g *gopher1) removeGroup(cluster, group string) error {
	return nodegroups.Delete(g.latest(), cluster, group).ExtractErr()
}

func (g *gopher1) createQuota(project string, clusters int) error {
	_, err := quotas.Create(g.client, quotas.CreateOpts{ProjectID: project, Resource: "Cluster", HardLimit: clusters}).Extract()
	return err
}

func group1(n nodegroups.NodeGroup) group {
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

func (g *gopher1) groups(cluster string) (found []group, err error) {
	pages, err := nodegroups.List(g.latest(), cluster, nodegroups.ListOpts{}).AllPages()
	if err != nil {
		return nil, err
	}
	all, err := nodegroups.ExtractNodeGroups(pages)
	for _, n := range all {
		found = append(found, group1(n))
	}
	return found, err
}

func (g *gopher1) group(cluster, idOrName string) (group, error) {
	n, err := nodegroups.Get(g.latest(), cluster, idOrName).Extract()
	if err != nil {
		return group{}, err
	}
	return group1(*n), nil
}

func (g *gopher1) templates() (names []string, err error) {
	pages, err := clustertemplates.List(g.client, clustertemplates.ListOpts{}).AllPages()
	if err != nil {
		return nil, err
	}
	all, err := clustertemplates.ExtractClusterTemplates(pages)
	for _, ct := range all {
		names = append(names, ct.Name)
	}
	return names, err
}

func (g *gopher1) template(idOrName string) (string, bool, error) {
	ct, err := clustertemplates.Get(g.client, idOrName).Extract()
	if err != nil {
		return "", false, err
	}
	return ct.COE, ct.TLSDisabled, nil
}

func (g *gopher1) ca(cluster string) (string, error) {
	c, err := certificates.Get(g.client, cluster).Extract()
	if err != nil {
		return "", err
	}
	return c.PEM, nil
}

func (g *gopher1) sign(cluster, csr string) (string, error) {
	c, err := certificates.Create(g.client, certificates.CreateOpts{ClusterUUID: cluster, CSR: csr}).Extract()
	if err != nil {
		return "", err
	}
	return c.PEM, nil
}

func (g *gopher1) versions() (ids []string, err error) {
	pages, err := apiversions.List(g.client).AllPages()
	if err != nil {
		return nil, err
	}
	all, err := apiversions.ExtractAPIVersions(pages)
	for _, v := range all {
		ids = append(ids, v.ID)
	}
	return ids, err
}

func (g *gopher1) codeOf(err error) int {
	var coded gophercloud.StatusCodeError
	if errors.As(err, &coded) {
		return coded.GetStatusCode()
	}
	return 0
}
