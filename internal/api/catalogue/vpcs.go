package catalogue

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

func (a *api) listVPCs(w http.ResponseWriter, r *http.Request) error {
	all, err := a.Catalogue.Networks(r.Context(), project(r))
	if err != nil {
		return err
	}
	items := make([]object, 0, len(all))
	for _, n := range all {
		items = append(items, vpcObject(n))
	}
	return neutronList(w, r, "vpcs", items, vpcObject(infra.Network{}))
}

func (a *api) showVPC(w http.ResponseWriter, r *http.Request) error {
	n, err := a.Catalogue.Network(r.Context(), project(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	all, err := a.vpcSubnets(r)
	if err != nil {
		return err
	}
	o := vpcObject(n)
	subnets, tables := []object{}, []object{}
	for _, s := range all {
		if s["vpc_id"] == n.ID {
			subnets = append(subnets, s)
			tables = append(tables, s["routingtable"].(object))
		}
	}
	o["subnets"], o["routingtables"] = subnets, tables
	respond.JSON(w, http.StatusOK, object{"vpc": o})
	return nil
}

func vpcObject(n infra.Network) object {
	return object{
		"id": n.ID, "name": n.Name, "tenant_id": n.ProjectID, "state": "available", "cidrv4": text(n.CIDR),
		"shared": n.Shared, "router:external": n.External, "create_time": plainTime(n.CreatedAt),
	}
}

func plainTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func (a *api) listVPCSubnets(w http.ResponseWriter, r *http.Request) error {
	items, err := a.vpcSubnets(r)
	if err != nil {
		return err
	}
	return neutronList(w, r, "vpcsubnets", items, vpcSubnetObject(infra.Subnet{}, infra.Network{}, 0))
}

func (a *api) showVPCSubnet(w http.ResponseWriter, r *http.Request) error {
	items, err := a.vpcSubnets(r)
	if err != nil {
		return err
	}
	for _, s := range items {
		if s["id"] == r.PathValue("id") {
			respond.JSON(w, http.StatusOK, object{"vpcsubnet": s})
			return nil
		}
	}
	return hanok.NotFound("subnet", r.PathValue("id"))
}

func (a *api) vpcSubnets(r *http.Request) ([]object, error) {
	subnets, err := a.Catalogue.Subnets(r.Context(), project(r))
	if err != nil {
		return nil, err
	}
	networks, err := a.Catalogue.Networks(r.Context(), project(r))
	if err != nil {
		return nil, err
	}
	byID := map[string]infra.Network{}
	for _, n := range networks {
		byID[n.ID] = n
	}
	used, err := a.addressesUsed(r)
	if err != nil {
		return nil, err
	}
	items := make([]object, 0, len(subnets))
	for _, s := range subnets {
		items = append(items, vpcSubnetObject(s, byID[s.NetworkID], used[s.ID]))
	}
	return items, nil
}

// addressesUsed counts the nodes of the project's clusters by subnet.
func (a *api) addressesUsed(r *http.Request) (map[string]int, error) {
	used := map[string]int{}
	err := a.Store.View(r.Context(), func(tx store.Tx) error {
		clusters, err := tx.Clusters(project(r))
		if err != nil {
			return err
		}
		subnet := map[string]string{}
		for _, c := range clusters {
			subnet[c.UUID] = c.FixedSubnet
		}
		nodes, err := tx.AllNodes(project(r))
		for _, n := range nodes {
			// Control-plane members have addresses of the service's range.
			if n.Role == hanok.RoleWorker && n.Address != "" {
				used[subnet[n.ClusterUUID]]++
			}
		}
		return err
	})
	return used, err
}

func vpcSubnetObject(s infra.Subnet, n infra.Network, used int) object {
	gateway := ""
	if s.InternetGateway {
		gateway = derivedID("internet gateway", s.NetworkID)
	}
	// Each subnet has a routing table of its own: an internet gateway is
	// attached to a subnet here, not to all of a VPC.
	o := object{
		"id": s.ID, "name": s.Name, "tenant_id": s.ProjectID, "vpc_id": s.NetworkID, "state": "available",
		"cidr": text(s.CIDR), "gateway": text(s.Gateway),
		"shared": s.Shared, "router:external": s.External, "routes": []object{}, "create_time": plainTime(s.CreatedAt),
		"vpc": object{"id": s.NetworkID, "name": n.Name, "cidrv4": text(n.CIDR), "shared": n.Shared, "state": "available"},
		"routingtable": object{
			"id": derivedID("routing table", s.ID), "name": s.Name, "gateway_id": gateway,
			"default_table": false, "explicit": true, "state": "available",
		},
	}
	// How much of the public range is free is the driver's to know.
	if s.CIDR.IsValid() && !s.External {
		// Not the network's own, the broadcast and the gateway's address.
		o["available_ip_count"] = 1<<(32-s.CIDR.Bits()) - 3 - used
	}
	return o
}

func (a *api) listRoutingTables(w http.ResponseWriter, r *http.Request) error {
	items, err := a.routingTables(r)
	if err != nil {
		return err
	}
	return neutronList(w, r, "routingtables", items, routingTableObject(vpcSubnetObject(infra.Subnet{}, infra.Network{}, 0)))
}

func (a *api) showRoutingTable(w http.ResponseWriter, r *http.Request) error {
	items, err := a.routingTables(r)
	if err != nil {
		return err
	}
	for _, t := range items {
		if t["id"] == r.PathValue("id") {
			respond.JSON(w, http.StatusOK, object{"routingtable": t})
			return nil
		}
	}
	return hanok.NotFound("routing table", r.PathValue("id"))
}

func (a *api) routingTables(r *http.Request) ([]object, error) {
	subnets, err := a.vpcSubnets(r)
	if err != nil {
		return nil, err
	}
	var tables []object
	for _, s := range subnets {
		if s["router:external"] == false { // routing in the public network is not a project's affair
			tables = append(tables, routingTableObject(s))
		}
	}
	return tables, nil
}

// routingTableObject gives a subnet's routing table as a resource of its own.
func routingTableObject(subnet object) object {
	o := object{
		"tenant_id": subnet["tenant_id"], "vpc_id": subnet["vpc_id"], "vpcs": []object{{"id": subnet["vpc_id"]}},
		"subnets": []object{{"id": subnet["id"]}}, "distributed": true, "create_time": subnet["create_time"],
	}
	for k, v := range subnet["routingtable"].(object) {
		o[k] = v
	}
	return o
}

// derivedID gives a stable UUID to what exists only as part of something else.
func derivedID(what, of string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("hanok "+what+" "+of)).String()
}
