package admission

import (
	"context"
	"encoding/json"
	"maps"
	"net/netip"
	"testing"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/embedded"
	"github.com/hanok/hanok/internal/infra/embedded/embeddedtest"
)

// fixture is the embedded catalogue of a fresh installation, seen by one caller.
type fixture struct {
	*embedded.Catalogue
	caller infra.Token
	good   map[string]any // a create request that is admitted
	ids    struct{ isolated, otherVPC, foreignSubnet, publicSubnet, smallSubnet, foreignNetwork string }
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	ctx := context.Background()
	seeded := embeddedtest.New(t)
	caller, choice := seeded.Admin, seeded.Choose()
	f := &fixture{Catalogue: seeded.Catalogue, caller: caller, good: goodRequest(choice)}
	f.ids.isolated, f.ids.publicSubnet = choice.Isolated.ID, choice.ExternalSubnet.ID
	_, _, err := f.CreateKeypair(ctx, caller.ProjectID, caller.UserID, "test-keypair", "")
	must(t, err)

	// Another VPC of the project, a small subnet of it, and another project's network.
	vpc, err := f.CreateNetwork(ctx, caller.ProjectID, "second", netip.MustParsePrefix("10.7.0.0/16"))
	must(t, err)
	small, err := f.CreateSubnet(ctx, infra.Subnet{
		Name: "small", NetworkID: vpc.ID, ProjectID: caller.ProjectID,
		CIDR: netip.MustParsePrefix("10.7.0.0/26"), Gateway: netip.MustParseAddr("10.7.0.1"),
	})
	must(t, err)
	other, err := seeded.Identity.CreateProject(ctx, "other")
	must(t, err)
	f.ids.otherVPC, f.ids.smallSubnet = vpc.ID, small.ID
	foreign, err := f.Networks(ctx, other.ID)
	must(t, err)
	for _, n := range foreign {
		if n.ProjectID == other.ID {
			f.ids.foreignNetwork = n.ID
		}
	}
	foreignSubnets, err := f.Subnets(ctx, other.ID)
	must(t, err)
	for _, n := range foreignSubnets {
		if n.ProjectID == other.ID {
			f.ids.foreignSubnet = n.ID
		}
	}
	return f
}

// goodRequest is the newer guide's create request with the ids of the
// catalogue, less the labels that are not built yet.
func goodRequest(of embeddedtest.Choice) map[string]any {
	return map[string]any{
		"cluster_template_id": "iaas_console", "create_timeout": 60, "keypair": "test-keypair", "name": "test-k8s", "node_count": 1,
		"flavor_id": of.Flavor.ID, "fixed_network": of.Network.ID, "fixed_subnet": of.Subnet.ID,
		"labels": map[string]any{
			"availability_zone": "kr-pub-a", "boot_volume_size": "20", "boot_volume_type": "General HDD",
			"ca_enable": "false", "ca_max_node_count": "10", "ca_min_node_count": "1", "ca_scale_down_delay_after_add": "3",
			"ca_scale_down_enable": "true", "ca_scale_down_unneeded_time": "3", "ca_scale_down_util_thresh": "50",
			"cert_manager_api": "True", "clusterautoscale": "nodegroupfeature", "node_image": of.Image.ID,
			"external_network_id": of.External.ID, "external_subnet_id_list": of.ExternalSubnet.ID,
			"kube_tag": "v1.30.3", "master_lb_floating_ip_enabled": "true", "user_script_v2": "",
		},
	}
}

// request gives the good request after an edit, as a body.
func (f *fixture) request(edit func(body, labels map[string]any)) []byte {
	body := maps.Clone(f.good)
	labels := maps.Clone(f.good["labels"].(map[string]any))
	body["labels"] = labels
	if edit != nil {
		edit(body, labels)
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return raw
}

func (f *fixture) admit(body []byte) (*ClusterPlan, error) {
	return CreateCluster(context.Background(), f, f.caller, body, Options{Bundles: []string{"v1.30.3"}})
}

// edited overrides parts of the catalogue.
type edited struct {
	infra.Catalogue
	image  func(infra.Image) infra.Image
	zones  []infra.Zone
	types  []infra.VolumeType
	broken error
}

func (e edited) Image(ctx context.Context, project, id string) (infra.Image, error) {
	i, err := e.Catalogue.Image(ctx, project, id)
	if e.image != nil {
		i = e.image(i)
	}
	return i, err
}

func (e edited) Zones(ctx context.Context) ([]infra.Zone, error) {
	if e.zones != nil {
		return e.zones, nil
	}
	return e.Catalogue.Zones(ctx)
}

func (e edited) VolumeTypes(ctx context.Context) ([]infra.VolumeType, error) {
	if e.types != nil {
		return e.types, nil
	}
	return e.Catalogue.VolumeTypes(ctx)
}

func (e edited) Flavor(ctx context.Context, project, id string) (infra.Flavor, error) {
	if e.broken != nil {
		return infra.Flavor{}, e.broken
	}
	return e.Catalogue.Flavor(ctx, project, id)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var _ infra.Catalogue = edited{}
