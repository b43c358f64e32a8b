package catalogue

import (
	"net/http"
	"net/netip"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

// network serves Neutron's networks and subnets, and the guide's own form of
// them (vpcs, vpcsubnets).
func (a *api) network() http.Handler {
	v := versioned{
		prefix: networkPrefix, style: respond.Neutron, versions: []string{"v2.0"},
		root: func(w http.ResponseWriter, r *http.Request) {
			respond.JSON(w, http.StatusOK, object{"versions": []object{{
				"id": "v2.0", "status": "CURRENT",
				"links": []object{{"rel": "self", "href": respond.BaseURL(r) + networkPrefix + "/v2.0/"}},
			}}})
		},
		document: neutronResources,
	}
	return a.serve(v, routes{
		"/networks":                  get(a.listNetworks),
		"/networks/{id}":             get(a.showNetwork),
		"/subnets":                   get(a.listSubnets),
		"/subnets/{id}":              get(a.showSubnet),
		"/vpcs":                      get(a.listVPCs),
		"/vpcs/{id}":                 get(a.showVPC),
		"/vpcsubnets":                get(a.listVPCSubnets),
		"/vpcsubnets/{id}":           get(a.showVPCSubnet),
		"/routingtables":             get(a.listRoutingTables),
		"/routingtables/{id}":        get(a.showRoutingTable),
		"/security-groups":           get(a.listSecurityGroups),
		"/security-groups/{id}":      get(a.showSecurityGroup),
		"/security-group-rules":      get(a.listSecurityGroupRules),
		"/security-group-rules/{id}": get(a.showSecurityGroupRule),
		"/gateways/servicegateways":  get(a.listServiceGateways),
		"/gateways/servicegateways/{id}": get(func(_ http.ResponseWriter, r *http.Request) error {
			return hanok.NotFound("service gateway", r.PathValue("id"))
		}),
		"/extensions": get(a.emptyList("extensions")),
	})
}

func neutronResources(w http.ResponseWriter, r *http.Request, _ string) {
	var resources []object
	for _, name := range []string{"network", "subnet", "vpc", "vpcsubnet", "routingtable", "security-group", "security-group-rule"} {
		resources = append(resources, object{
			"name": name, "collection": name + "s",
			"links": []object{{"rel": "self", "href": respond.BaseURL(r) + networkPrefix + "/v2.0/" + name + "s"}},
		})
	}
	respond.JSON(w, http.StatusOK, object{"resources": resources})
}

// emptyList is for what exists in Neutron, is asked for by its clients, and
// of which there is none here yet.
func (a *api) emptyList(key string) handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		respond.JSON(w, http.StatusOK, object{key: []object{}})
		return nil
	}
}

// neutronList answers with a list under key.
func neutronList(w http.ResponseWriter, r *http.Request, key string, items []object, fields object) error {
	l := listing{ignored: []string{"page_reverse"}}
	p, err := l.apply(r.URL.Query(), items, fields)
	if err != nil {
		return err
	}
	body := object{key: p.items}
	// The mux sees the path without prefix and version.
	if next := l.nextLink(r, respond.BaseURL(r)+networkPrefix+"/v2.0"+r.URL.Path, p); next != "" {
		body[key+"_links"] = []object{{"rel": "next", "href": next}}
	}
	respond.JSON(w, http.StatusOK, body)
	return nil
}

// subnetIDs gives the ids of each network's subnets.
func (a *api) subnetIDs(r *http.Request) (map[string][]string, error) {
	subnets, err := a.Catalogue.Subnets(r.Context(), project(r))
	ids := map[string][]string{}
	for _, s := range subnets {
		ids[s.NetworkID] = append(ids[s.NetworkID], s.ID)
	}
	return ids, err
}

func (a *api) listNetworks(w http.ResponseWriter, r *http.Request) error {
	all, err := a.Catalogue.Networks(r.Context(), project(r))
	if err != nil {
		return err
	}
	subnets, err := a.subnetIDs(r)
	if err != nil {
		return err
	}
	items := make([]object, 0, len(all))
	for _, n := range all {
		items = append(items, networkObject(n, subnets[n.ID]))
	}
	return neutronList(w, r, "networks", items, networkObject(infra.Network{}, nil))
}

func (a *api) showNetwork(w http.ResponseWriter, r *http.Request) error {
	n, err := a.Catalogue.Network(r.Context(), project(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	subnets, err := a.subnetIDs(r)
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusOK, object{"network": networkObject(n, subnets[n.ID])})
	return nil
}

func networkObject(n infra.Network, subnets []string) object {
	if subnets == nil {
		subnets = []string{}
	}
	return object{
		"id": n.ID, "name": n.Name, "tenant_id": n.ProjectID, "project_id": n.ProjectID, "description": "",
		"status": "ACTIVE", "admin_state_up": true, "shared": n.Shared, "router:external": n.External,
		"is_default": false, "port_security_enabled": false, "mtu": 1500, "subnets": subnets,
		"availability_zones": []string{}, "availability_zone_hints": []string{}, "tags": []string{},
		"ipv4_address_scope": nil, "ipv6_address_scope": nil, "revision_number": 0,
		"created_at": stamp(n.CreatedAt), "updated_at": stamp(n.CreatedAt),
	}
}

func (a *api) listSubnets(w http.ResponseWriter, r *http.Request) error {
	all, err := a.Catalogue.Subnets(r.Context(), project(r))
	if err != nil {
		return err
	}
	items := make([]object, 0, len(all))
	for _, s := range all {
		items = append(items, subnetObject(s))
	}
	return neutronList(w, r, "subnets", items, subnetObject(infra.Subnet{}))
}

func (a *api) showSubnet(w http.ResponseWriter, r *http.Request) error {
	s, err := a.Catalogue.Subnet(r.Context(), project(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusOK, object{"subnet": subnetObject(s)})
	return nil
}

func subnetObject(s infra.Subnet) object {
	return object{
		"id": s.ID, "name": s.Name, "network_id": s.NetworkID, "tenant_id": s.ProjectID, "project_id": s.ProjectID,
		"description": "", "ip_version": 4, "cidr": text(s.CIDR), "gateway_ip": text(s.Gateway), "enable_dhcp": true,
		"allocation_pools": pools(s), "dns_nameservers": []string{}, "host_routes": []object{}, "service_types": []string{},
		"ipv6_address_mode": nil, "ipv6_ra_mode": nil, "subnetpool_id": nil, "segment_id": nil, "tags": []string{},
		"revision_number": 0, "created_at": stamp(s.CreatedAt), "updated_at": stamp(s.CreatedAt),
	}
}

// pools gives the ranges that addresses of machines come from: all but the
// network's own, the broadcast and the gateway's address.
func pools(s infra.Subnet) []object {
	list := []object{}
	if !s.CIDR.IsValid() {
		return list
	}
	first, last := s.CIDR.Masked().Addr().Next(), lastAddr(s.CIDR).Prev()
	add := func(from, to netip.Addr) {
		if !to.Less(from) {
			list = append(list, object{"start": from.String(), "end": to.String()})
		}
	}
	if s.Gateway.Less(first) || last.Less(s.Gateway) {
		add(first, last)
		return list
	}
	add(first, s.Gateway.Prev())
	add(s.Gateway.Next(), last)
	return list
}

// lastAddr is the broadcast address.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(b)
}

// text is a value's string, "" for an invalid one.
func text(v interface {
	IsValid() bool
	String() string
}) string {
	if !v.IsValid() {
		return ""
	}
	return v.String()
}
