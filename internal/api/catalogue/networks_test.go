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
	all := f.Network.ID + " " + f.External.ID
	subnets := f.Subnet.ID + " " + f.Isolated.ID
	for path, want := range map[string]string{
		"networks":                                               all,
		"networks?router:external=True":                          f.External.ID,
		"networks?router:external=true":                          f.External.ID,
		"networks?router%3Aexternal=1":                           f.External.ID,
		"networks?router:external=False":                         f.Network.ID,
		"networks?router:external=maybe":                         "",
		"networks?name=Default+Network":                          f.Network.ID,
		"networks?id=" + f.External.ID:                           f.External.ID,
		"networks?id=a&id=" + f.External.ID:                      f.External.ID,
		"networks?id=none":                                       "",
		"networks?tenant_id=" + f.eve.ProjectID:                  "",
		"networks?shared=true":                                   f.External.ID,
		"networks?sort_key=name&sort_dir=desc":                   f.External.ID + " " + f.Network.ID,
		"networks?limit=1":                                       f.Network.ID,
		"networks?limit=1&marker=" + f.Network.ID:                f.External.ID,
		"networks?fields=id&fields=name":                         all,
		"vpcs?router:external=true":                              f.External.ID,
		"vpcs?name=Default+Network":                              f.Network.ID,
		"subnets?network_id=" + f.Network.ID:                     subnets,
		"subnets?cidr=192.168.1.0/24":                            f.Isolated.ID,
		"vpcsubnets?vpc_id=" + f.Network.ID:                      subnets,
		"vpcsubnets?name=isolated":                               f.Isolated.ID,
		"vpcsubnets?router:external=true&vpc_id=" + f.Network.ID: "",
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
	if a := f.get("/network/v2.0/networks?fields=id"); !reflect.DeepEqual(a.At("networks/0"), map[string]any{"id": f.Network.ID}) {
		t.Errorf("?fields=id gives %v", a.At("networks/0"))
	}
	if a := f.get("/network/v2.0/networks?limit=1"); a.At("networks_links/0/href") != f.server.URL+"/network/v2.0/networks?limit=1&marker="+f.Network.ID {
		t.Errorf("the next page: %v", a.At("networks_links"))
	}
}

func TestNetworkShapes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for path, fields := range map[string]map[string]any{
		"networks/" + f.Network.ID: {
			"network/name": "Default Network", "network/tenant_id": f.token.ProjectID, "network/status": "ACTIVE",
			"network/router:external": false, "network/admin_state_up": true, "network/subnets/0": f.Subnet.ID, "network/subnets/1": f.Isolated.ID,
		},
		"subnets/" + f.Subnet.ID: {
			"subnet/cidr": "192.168.0.0/24", "subnet/gateway_ip": "192.168.0.1", "subnet/ip_version": 4.0, "subnet/network_id": f.Network.ID,
			"subnet/allocation_pools/0/start": "192.168.0.2", "subnet/allocation_pools/0/end": "192.168.0.254",
		},
		"vpcs/" + f.Network.ID: {
			"vpc/name": "Default Network", "vpc/cidrv4": "192.168.0.0/16", "vpc/state": "available", "vpc/router:external": false,
			"vpc/subnets/0/id": f.Subnet.ID, "vpc/routingtables/1/gateway_id": "",
		},
		"vpcsubnets/" + f.Subnet.ID: {
			"vpcsubnet/vpc_id": f.Network.ID, "vpcsubnet/vpc/name": "Default Network", "vpcsubnet/cidr": "192.168.0.0/24",
			"vpcsubnet/gateway": "192.168.0.1", "vpcsubnet/router:external": false, "vpcsubnet/state": "available",
			// 256 less network, broadcast and gateway, less three nodes' addresses.
			"vpcsubnet/available_ip_count": 250.0,
		},
		"vpcsubnets/" + f.Isolated.ID: {"vpcsubnet/routingtable/gateway_id": "", "vpcsubnet/available_ip_count": 253.0},
	} {
		a := f.get("/network/v2.0/" + path)
		for field, want := range fields {
			if got := a.At(field); got != want {
				t.Errorf("%s: %s = %v, want %v", path, field, got, want)
			}
		}
	}
	if id, _ := f.get("/network/v2.0/vpcsubnets/" + f.Subnet.ID).At("vpcsubnet/routingtable/gateway_id").(string); id == "" {
		t.Error("a subnet with an internet gateway shows none")
	}
	for _, path := range []string{"networks/" + f.Network.ID, "subnets/" + f.Subnet.ID, "vpcs/" + f.Network.ID, "vpcsubnets/" + f.Subnet.ID} {
		if a := f.do(f.eve, "GET", "/network/v2.0/"+path, ""); a.Status != 404 {
			t.Errorf("another project's %s: %d", path, a.Status)
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
		"": f.Image.ID, "?nhncloud_product=container&visibility=public": f.Image.ID,
		"?nhncloud_allow_nks_cpu_flavor=true": f.Image.ID, "?visibility=private": "", "?nhncloud_product=compute": "",
		"?name=" + "Debian+Bookworm+%2812%29+Kubernetes+node": f.Image.ID, "?name=none": "", "?status=active&limit=25": f.Image.ID,
		"?os_distro=Debian&os_hidden=false": f.Image.ID, "?marker=" + f.Image.ID: "",
	} {
		if got := f.get("/image/v2/images"+query).field("images", "id"); got != want {
			t.Errorf("%s lists %q, want %q", query, got, want)
		}
	}
	a := f.get("/image/v2/images/" + f.Image.ID)
	for field, want := range map[string]any{
		"name": f.Image.Name, "status": "active", "min_disk": 5.0, "os_distro": "Debian", "os_version": "12", "os_type": "linux",
		"os_architecture": "amd64", "login_username": "debian", "visibility": "public",
	} {
		if got := a.At(field); got != want {
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
			t.Errorf("%s: %s", path, a.Raw)
		}
		id, _ := a.At("volume_types/1/id").(string)
		if one := f.get("/volume/v3/types/" + id); one.At("volume_type/name") != "General SSD" {
			t.Errorf("one type: %s", one.Raw)
		}
	}
	for _, path := range []string{"/volume/v3/volumes", "/volume/v3/" + f.token.ProjectID + "/volumes/detail"} {
		if a := f.get(path); a.At("volumes") == nil {
			t.Errorf("%s: %s", path, a.Raw)
		}
	}
}
