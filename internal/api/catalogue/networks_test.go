package catalogue

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/infra"
)

func TestNetworkFilters(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	all := f.network.ID + " " + f.public.ID
	subnets := f.subnet.ID + " " + f.isolated.ID
	for path, want := range map[string]string{
		"networks":                                               all,
		"networks?router:external=True":                          f.public.ID,
		"networks?router:external=true":                          f.public.ID,
		"networks?router%3Aexternal=1":                           f.public.ID,
		"networks?router:external=False":                         f.network.ID,
		"networks?router:external=maybe":                         "",
		"networks?name=Default+Network":                          f.network.ID,
		"networks?id=" + f.public.ID:                             f.public.ID,
		"networks?id=a&id=" + f.public.ID:                        f.public.ID,
		"networks?id=none":                                       "",
		"networks?tenant_id=" + f.eve.ProjectID:                  "",
		"networks?shared=true":                                   f.public.ID,
		"networks?sort_key=name&sort_dir=desc":                   f.public.ID + " " + f.network.ID,
		"networks?limit=1":                                       f.network.ID,
		"networks?limit=1&marker=" + f.network.ID:                f.public.ID,
		"networks?fields=id&fields=name":                         all,
		"vpcs?router:external=true":                              f.public.ID,
		"vpcs?name=Default+Network":                              f.network.ID,
		"subnets?network_id=" + f.network.ID:                     subnets,
		"subnets?cidr=192.168.1.0/24":                            f.isolated.ID,
		"vpcsubnets?vpc_id=" + f.network.ID:                      subnets,
		"vpcsubnets?name=isolated":                               f.isolated.ID,
		"vpcsubnets?router:external=true&vpc_id=" + f.network.ID: "",
		"vpcsubnets?shared=false":                                subnets,
		"extensions":                                             "",
	} {
		a := f.get("/network/v2.0/" + path)
		list, _, _ := strings.Cut(path, "?")
		got := a.field(strings.ReplaceAll(list, "-", "_"), "id")
		if got != want {
			t.Errorf("%s lists %q, want %q", path, got, want)
		}
	}
	if a := f.get("/network/v2.0/networks?fields=id"); !reflect.DeepEqual(a.at("networks/0"), map[string]any{"id": f.network.ID}) {
		t.Errorf("?fields=id gives %v", a.at("networks/0"))
	}
	if a := f.get("/network/v2.0/networks?limit=1"); a.at("networks_links/0/href") != f.server.URL+"/network/v2.0/networks?limit=1&marker="+f.network.ID {
		t.Errorf("the next page: %v", a.at("networks_links"))
	}
}

func TestNetworkShapes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for path, fields := range map[string]map[string]any{
		"networks/" + f.network.ID: {
			"network/name": "Default Network", "network/tenant_id": f.token.ProjectID, "network/status": "ACTIVE",
			"network/router:external": false, "network/admin_state_up": true, "network/subnets/0": f.subnet.ID, "network/subnets/1": f.isolated.ID,
		},
		"subnets/" + f.subnet.ID: {
			"subnet/cidr": "192.168.0.0/24", "subnet/gateway_ip": "192.168.0.1", "subnet/ip_version": 4.0, "subnet/network_id": f.network.ID,
			"subnet/allocation_pools/0/start": "192.168.0.2", "subnet/allocation_pools/0/end": "192.168.0.254",
		},
		"vpcs/" + f.network.ID: {
			"vpc/name": "Default Network", "vpc/cidrv4": "192.168.0.0/16", "vpc/state": "available", "vpc/router:external": false,
			"vpc/subnets/0/id": f.subnet.ID, "vpc/routingtables/1/gateway_id": "",
		},
		"vpcsubnets/" + f.subnet.ID: {
			"vpcsubnet/vpc_id": f.network.ID, "vpcsubnet/vpc/name": "Default Network", "vpcsubnet/cidr": "192.168.0.0/24",
			"vpcsubnet/gateway": "192.168.0.1", "vpcsubnet/router:external": false, "vpcsubnet/state": "available",
			// 256 less network, broadcast and gateway, less three nodes' addresses.
			"vpcsubnet/available_ip_count": 250.0,
		},
		"vpcsubnets/" + f.isolated.ID: {"vpcsubnet/routingtable/gateway_id": "", "vpcsubnet/available_ip_count": 253.0},
	} {
		a := f.get("/network/v2.0/" + path)
		for field, want := range fields {
			if got := a.at(field); got != want {
				t.Errorf("%s: %s = %v, want %v", path, field, got, want)
			}
		}
	}
	if id, _ := f.get("/network/v2.0/vpcsubnets/" + f.subnet.ID).at("vpcsubnet/routingtable/gateway_id").(string); id == "" {
		t.Error("a subnet with an internet gateway shows none")
	}
	for _, path := range []string{"networks/" + f.network.ID, "subnets/" + f.subnet.ID, "vpcs/" + f.network.ID, "vpcsubnets/" + f.subnet.ID} {
		if a := f.do(f.eve, "GET", "/network/v2.0/"+path, ""); a.status != 404 {
			t.Errorf("another project's %s: %d", path, a.status)
		}
	}
}

func TestPools(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		cidr, gateway string
		want          []object
	}{
		{"10.0.0.0/24", "10.0.0.1", []object{{"start": "10.0.0.2", "end": "10.0.0.254"}}},
		{"10.0.0.0/24", "10.0.0.254", []object{{"start": "10.0.0.1", "end": "10.0.0.253"}}},
		{"10.0.0.0/28", "10.0.0.7", []object{{"start": "10.0.0.1", "end": "10.0.0.6"}, {"start": "10.0.0.8", "end": "10.0.0.14"}}},
		{"10.0.0.0/15", "10.0.0.1", []object{{"start": "10.0.0.2", "end": "10.1.255.254"}}},
	} {
		got := pools(infra.Subnet{CIDR: netip.MustParsePrefix(test.cidr), Gateway: netip.MustParseAddr(test.gateway)})
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("pools of %s with %s: %v, want %v", test.cidr, test.gateway, got, test.want)
		}
	}
}

func TestImages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for query, want := range map[string]string{
		"": f.image.ID, "?nhncloud_product=container&visibility=public": f.image.ID,
		"?nhncloud_allow_nks_cpu_flavor=true": f.image.ID, "?visibility=private": "", "?nhncloud_product=compute": "",
		"?name=" + "Debian+Bookworm+%2812%29+Kubernetes+node": f.image.ID, "?name=none": "", "?status=active&limit=25": f.image.ID,
		"?os_distro=Debian&os_hidden=false": f.image.ID, "?marker=" + f.image.ID: "",
	} {
		if got := f.get("/image/v2/images"+query).field("images", "id"); got != want {
			t.Errorf("%s lists %q, want %q", query, got, want)
		}
	}
	a := f.get("/image/v2/images/" + f.image.ID)
	for field, want := range map[string]any{
		"name": f.image.Name, "status": "active", "min_disk": 5.0, "os_distro": "Debian", "os_version": "12", "os_type": "linux",
		"os_architecture": "amd64", "login_username": "debian", "visibility": "public",
	} {
		if got := a.at(field); got != want {
			t.Errorf("%s = %v, want %v", field, got, want)
		}
	}
}

func TestVolumeTypes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, path := range []string{"/volume/v2/" + f.token.ProjectID + "/types", "/volume/v3/types", "/volume/v3/types?is_public=None"} {
		a := f.get(path)
		if a.field("volume_types", "name") != "General HDD General SSD" {
			t.Errorf("%s: %s", path, a.raw)
		}
		id, _ := a.at("volume_types/1/id").(string)
		if one := f.get("/volume/v3/types/" + id); one.at("volume_type/name") != "General SSD" {
			t.Errorf("one type: %s", one.raw)
		}
	}
	for _, path := range []string{"/volume/v3/volumes", "/volume/v3/" + f.token.ProjectID + "/volumes/detail"} {
		if a := f.get(path); a.at("volumes") == nil {
			t.Errorf("%s: %s", path, a.raw)
		}
	}
}
