package catalogue

import (
	"net/http"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/store"
)

// server is a worker node with what is shown of its cluster and group.
// Control-plane members belong to the service and are not shown.
type server struct {
	node    hanok.Node
	cluster hanok.Cluster
	group   hanok.NodeGroup
}

// servers lists the project's nodes that have a machine.
func (a *api) servers(r *http.Request) ([]server, error) {
	var list []server
	err := a.Store.View(r.Context(), func(tx store.Tx) error {
		list = nil
		clusters, err := tx.Clusters(project(r))
		if err != nil {
			return err
		}
		for _, c := range clusters {
			groups, err := tx.NodeGroups(c.UUID)
			if err != nil {
				return err
			}
			nodes, err := tx.Nodes(c.UUID)
			if err != nil {
				return err
			}
			for _, n := range nodes {
				if n.Role != hanok.RoleWorker || n.UUID == "" {
					continue
				}
				s := server{node: n, cluster: c}
				for _, g := range groups {
					if g.UUID == n.NodeGroupUUID {
						s.group = g
					}
				}
				list = append(list, s)
			}
		}
		return nil
	})
	return list, err
}

func (a *api) server(r *http.Request) (server, error) {
	all, err := a.servers(r)
	if err != nil {
		return server{}, err
	}
	for _, s := range all {
		if s.node.UUID == r.PathValue("id") {
			return s, nil
		}
	}
	return server{}, hanok.NotFound("server", r.PathValue("id"))
}

func (a *api) listServers(detail bool) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		all, err := a.servers(r)
		if err != nil {
			return err
		}
		names, err := a.networkNames(r)
		if err != nil {
			return err
		}
		items := make([]object, 0, len(all))
		for _, s := range all {
			items = append(items, serverObject(r, s, names))
		}
		fields := serverObject(r, server{}, nil)
		l := listing{
			// Deleted servers are forgotten, and a project sees its own only.
			ignored: []string{"deleted", "all_tenants", "project_id", "changes-since", "changes-before"},
			special: serverFilters,
		}
		return a.computeList(w, r, "servers", l, items, fields, detail)
	}
}

// serverFilters are those of Nova's that are not just a field's value.
var serverFilters = map[string]func(object, string) (bool, error){
	"name": matching(func(o object) []string { return []string{o["name"].(string)} }),
	"ip": matching(func(o object) (ips []string) {
		for _, list := range o["addresses"].(object) {
			for _, address := range list.([]object) {
				ips = append(ips, address["addr"].(string))
			}
		}
		return ips
	}),
	"status":            func(o object, want string) (bool, error) { return strings.EqualFold(o["status"].(string), want), nil },
	"flavor":            func(o object, want string) (bool, error) { return o["flavor"].(object)["id"] == want, nil },
	"image":             func(o object, want string) (bool, error) { return o["image"].(object)["id"] == want, nil },
	"availability_zone": func(o object, want string) (bool, error) { return o["OS-EXT-AZ:availability_zone"] == want, nil },
}

func (a *api) showServer(w http.ResponseWriter, r *http.Request) error {
	s, err := a.server(r)
	if err != nil {
		return err
	}
	names, err := a.networkNames(r)
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusOK, object{"server": serverObject(r, s, names)})
	return nil
}

func (a *api) showMetadata(w http.ResponseWriter, r *http.Request) error {
	s, err := a.server(r)
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusOK, object{"metadata": serverMetadata(s)})
	return nil
}

func (a *api) listInterfaces(w http.ResponseWriter, r *http.Request) error {
	s, err := a.server(r)
	if err != nil {
		return err
	}
	items := []object{}
	if s.node.Address != "" {
		items = append(items, object{
			"port_id": s.node.PortID, "net_id": s.cluster.FixedNetwork, "port_state": "ACTIVE",
			"fixed_ips": []object{{"ip_address": s.node.Address, "subnet_id": s.cluster.FixedSubnet}},
		})
	}
	respond.JSON(w, http.StatusOK, object{"interfaceAttachments": items})
	return nil
}

// networkNames gives the names that addresses stand under.
func (a *api) networkNames(r *http.Request) (map[string]string, error) {
	all, err := a.Catalogue.Networks(r.Context(), project(r))
	names := map[string]string{}
	for _, n := range all {
		names[n.ID] = n.Name
	}
	return names, err
}

// powerStates are Nova's numbers: running, shut down, none.
var powerStates = map[hanok.NodeStatus]int{hanok.NodeActive: 1, hanok.NodeShutoff: 4}

// vmStates are Nova's words for what status stands for.
var vmStates = map[hanok.NodeStatus]string{
	hanok.NodeActive: "active", hanok.NodeShutoff: "stopped", hanok.NodeBuild: "building",
	hanok.NodeDeleted: "deleted", hanok.NodeError: "error",
}

func serverObject(r *http.Request, s server, networks map[string]string) object {
	n := s.node
	addresses := object{}
	if n.Address != "" {
		name := networks[s.cluster.FixedNetwork]
		if name == "" {
			name = s.cluster.FixedNetwork
		}
		addresses[name] = []object{{"addr": n.Address, "version": 4, "OS-EXT-IPS:type": "fixed"}}
	}
	var keyName any
	if key := s.group.Keypair; key != "" {
		keyName = key
	}
	zone := s.group.Labels["availability_zone"]
	var task any
	if n.Status == hanok.NodeBuild {
		task = "spawning"
	}
	volumes := []object{}
	for _, v := range volumesOf(s) {
		volumes = append(volumes, object{"id": v.id})
	}
	return object{
		"id": n.UUID, "name": n.Name, "status": string(n.Status), "tenant_id": n.ProjectID, "user_id": s.cluster.UserID,
		"addresses": addresses, "accessIPv4": "", "accessIPv6": "", "key_name": keyName, "metadata": serverMetadata(s),
		"flavor":  object{"id": n.FlavorID, "links": bookmark(r, "/flavors/"+n.FlavorID)},
		"image":   object{"id": n.ImageID, "links": bookmark(r, "/images/"+n.ImageID)},
		"created": stamp(n.CreatedAt), "updated": stamp(n.UpdatedAt), "hostId": "", "config_drive": "", "progress": 0,
		"OS-EXT-AZ:availability_zone": zone, "OS-EXT-STS:power_state": powerStates[n.Status],
		"OS-EXT-STS:task_state": task, "OS-EXT-STS:vm_state": vmStates[n.Status], "OS-DCF:diskConfig": "MANUAL",
		"OS-SRV-USG:launched_at": launchedAt(n), "OS-SRV-USG:terminated_at": nil,
		"os-extended-volumes:volumes_attached": volumes, "security_groups": []object{{"name": defaultSecurityGroup}},
		"links": computeLinks(r, "/servers/"+n.UUID),
	}
}

// launchedAt is in the form of Nova's extension, which has no zone; clients
// cannot read another.
func launchedAt(n hanok.Node) any {
	if n.Status == hanok.NodeBuild || n.CreatedAt.IsZero() {
		return nil
	}
	return n.CreatedAt.UTC().Format(novaMicros)
}

// serverMetadata tells which cluster and group a node belongs to.
func serverMetadata(s server) map[string]string {
	return map[string]string{
		"cluster_uuid": s.cluster.UUID, "cluster_name": s.cluster.Name,
		"nodegroup_uuid": s.group.UUID, "nodegroup_name": s.group.Name, "role": s.node.Role,
		"kube_version": s.node.Version,
	}
}

func bookmark(r *http.Request, path string) []object {
	return []object{{"rel": "bookmark", "href": respond.BaseURL(r) + computePrefix + "/" + project(r) + path}}
}
