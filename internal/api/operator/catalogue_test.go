package operator_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/api/operator"
)

// made reads the answer to a creation.
func made[T any](w *world, path string, body any) T {
	w.t.Helper()
	var v T
	if err := json.Unmarshal([]byte(w.do("POST", path, body, 201)), &v); err != nil {
		w.t.Fatal(err)
	}
	return v
}

func TestFlavorsOfOperators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const id = "6ef27f21-c774-4c0e-84ff-7dd4a762571f"
	f := made[operator.Flavor](w, "/flavors", operator.Flavor{ID: id, Name: "tiny", Type: "general", VCPUs: 1, RAM: 512})
	if f.ID != id || f.RAM != 512 {
		t.Errorf("made %+v", f)
	}
	w.do("POST", "/flavors", f, 409)
	w.do("POST", "/flavors", operator.Flavor{Name: "none"}, 400)
	w.do("POST", "/flavors", operator.Flavor{ID: "x", Name: "none", VCPUs: 1, RAM: 512}, 400)
	if list := w.do("GET", "/flavors", nil, 200); !strings.Contains(list, id) || !strings.Contains(list, "m2.c2m4") {
		t.Errorf("flavors: %s", list)
	}
	w.do("DELETE", "/flavors/tiny", nil, 204)
	w.do("DELETE", "/flavors/"+id, nil, 404)
}

func TestImagesOfOperators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := made[operator.Image](w, "/images", operator.Image{Name: "big", MinDisk: 30, MinRAM: 1024})
	if len(i.ID) != 36 || i.LoginUser != "debian" || i.MinDisk != 30 {
		t.Errorf("made %+v", i)
	}
	w.do("POST", "/images", operator.Image{Name: "big", MinDisk: 30}, 409)
	w.do("POST", "/images", operator.Image{Name: "small", MinDisk: 1}, 400)
	if list := w.do("GET", "/images", nil, 200); strings.Count(list, `"min_disk"`) != 2 {
		t.Errorf("images: %s", list)
	}
	w.do("DELETE", "/images/big", nil, 204)
	w.do("DELETE", "/images/big", nil, 404)
}

func TestNetworksOfOperators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do("POST", "/projects", operator.Project{Name: "team"}, 201)
	n := made[operator.Network](w, "/networks", operator.Network{Name: "second", Project: "team", CIDR: "10.7.0.0/16"})
	s := made[operator.Subnet](w, "/subnets", operator.Subnet{Name: "small", Network: "second", CIDR: "10.7.1.0/24", InternetGateway: true})
	if s.Network != n.ID || s.Project != n.Project || s.Gateway != "10.7.1.1" || !s.InternetGateway {
		t.Errorf("made %+v in %+v", s, n)
	}
	if list := w.do("GET", "/networks?project=team", nil, 200); !strings.Contains(list, n.ID) || strings.Count(list, `"cidr"`) != 3 {
		t.Errorf("the team's networks: %s", list)
	}
	if list := w.do("GET", "/networks?project=demo", nil, 200); strings.Contains(list, n.ID) {
		t.Errorf("another project sees %s", list)
	}
	if list := w.do("GET", "/networks", nil, 200); strings.Count(list, `"external":true`) != 1 {
		t.Errorf("all networks: %s", list)
	}
	if list := w.do("GET", "/subnets", nil, 200); !strings.Contains(list, s.ID) {
		t.Errorf("all subnets: %s", list)
	}
	for body, want := range map[operator.Network]int{
		{Name: "x", Project: "nobody", CIDR: "10.8.0.0/16"}: 404,
		{Name: "x", Project: "team", CIDR: "10.8"}:          400,
		{Name: "x", Project: "team", CIDR: "10.8.0.1/16"}:   400,
		{Name: "", Project: "team", CIDR: "10.8.0.0/16"}:    400,
	} {
		w.do("POST", "/networks", body, want)
	}
	for body, want := range map[operator.Subnet]int{
		{Name: "x", Network: "second", CIDR: "10.9.0.0/24"}:                   400,
		{Name: "x", Network: "second", CIDR: "10.7.1.0/25"}:                   400,
		{Name: "x", Network: "second", CIDR: "10.7.2.0/24", Gateway: "where"}: 400,
		{Name: "x", Network: "nothing", CIDR: "10.7.2.0/24"}:                  404,
		{Name: "x", Network: "Default Network", CIDR: "192.168.7.0/24"}:       409, // two projects have one
		{Name: "x", Network: "Public Network", CIDR: "198.18.0.0/24"}:         409,
	} {
		w.do("POST", "/subnets", body, want)
	}
	w.do("DELETE", "/networks/second", nil, 409) // it has a subnet
	w.do("DELETE", "/subnets/small", nil, 204)
	w.do("DELETE", "/subnets/small", nil, 404)
	w.do("DELETE", "/networks/"+n.ID, nil, 204)
	w.do("DELETE", "/networks/Public%20Network", nil, 409)
	w.do("DELETE", "/subnets/Public%20Network%20subnet", nil, 409)
}

func TestQuotasOfOperators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do("POST", "/projects", operator.Project{Name: "team"}, 201)
	if list := w.do("GET", "/quotas?project=team", nil, 200); strings.Count(list, `"default":true`) != 3 {
		t.Errorf("before: %s", list)
	}
	w.do("PUT", "/quotas/team/Cluster", operator.Quota{HardLimit: 2}, 200)
	if list := w.do("GET", "/quotas", nil, 200); !strings.Contains(list, `"hard_limit":2,"default":false`) || strings.Count(list, `"default"`) != 6 {
		t.Errorf("after: %s", list)
	}
	w.do("PUT", "/quotas/team/Bay", operator.Quota{HardLimit: 2}, 400)
	w.do("PUT", "/quotas/team/Node", operator.Quota{HardLimit: 0}, 400)
	w.do("PUT", "/quotas/nobody/Node", operator.Quota{HardLimit: 2}, 404)
	w.do("GET", "/quotas?project=nobody", nil, 404)
	w.do("DELETE", "/quotas/team/Cluster", nil, 204)
	w.do("DELETE", "/quotas/team/Cluster", nil, 404)
	w.do("PUT", "/quotas/team/Node", operator.Quota{HardLimit: 2}, 200)
	w.do("DELETE", "/projects/team", nil, 204)
	if list := w.do("GET", "/quotas", nil, 200); strings.Count(list, `"default":true`) != 3 {
		t.Errorf("after the project: %s", list)
	}
}
