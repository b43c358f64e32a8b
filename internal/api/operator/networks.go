package operator

import (
	"context"
	"net/http"
	"net/netip"
	"slices"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

// Network is a VPC as operators see it. Project is an id or a name in a
// request, an id in an answer, "" for the installation's own network.
type Network struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Project  string `json:"project"`
	CIDR     string `json:"cidr"`
	External bool   `json:"external"`
}

// Subnet is a subnet as operators see it. Network is an id, or in a request a
// name that one VPC alone has. Gateway is the first address where it is left out.
type Subnet struct {
	ID              string `json:"id"`
	Name            string `json:"name"`
	Network         string `json:"network"`
	Project         string `json:"project"`
	CIDR            string `json:"cidr"`
	Gateway         string `json:"gateway"`
	InternetGateway bool   `json:"internet_gateway"`
}

func networkOf(n infra.Network) Network {
	return Network{ID: n.ID, Name: n.Name, Project: n.ProjectID, CIDR: n.CIDR.String(), External: n.External}
}

func subnetOf(s infra.Subnet) Subnet {
	return Subnet{
		ID: s.ID, Name: s.Name, Network: s.NetworkID, Project: s.ProjectID, CIDR: s.CIDR.String(), Gateway: s.Gateway.String(),
		InternetGateway: s.InternetGateway,
	}
}

// ofProjects lists what the projects see, each thing once: of the one that
// the query names, or of all.
func ofProjects[T any](r *http.Request, o operator, list func(ctx context.Context, project string) ([]T, error), id func(T) string) ([]T, error) {
	projects, err := o.accounts.AllProjects(r.Context())
	if err != nil {
		return nil, err
	}
	if name := r.URL.Query().Get("project"); name != "" {
		p, err := o.project(r.Context(), name)
		if err != nil {
			return nil, err
		}
		projects = []infra.Project{p}
	}
	var all []T
	seen := map[string]bool{}
	for _, p := range projects {
		things, err := list(r.Context(), p.ID)
		if err != nil {
			return nil, err
		}
		for _, t := range things {
			if !seen[id(t)] {
				seen[id(t)] = true
				all = append(all, t)
			}
		}
	}
	return all, nil
}

func (o operator) networks(r *http.Request) ([]infra.Network, error) {
	return ofProjects(r, o, o.catalogue.Networks, func(n infra.Network) string { return n.ID })
}

func (o operator) subnets(r *http.Request) ([]infra.Subnet, error) {
	return ofProjects(r, o, o.catalogue.Subnets, func(s infra.Subnet) string { return s.ID })
}

// network finds a VPC by id, or by a name that it alone has.
func (o operator) network(r *http.Request, idOrName string) (infra.Network, error) {
	all, err := o.networks(r)
	if err != nil {
		return infra.Network{}, err
	}
	return pick("network", idOrName, all, func(n infra.Network) (string, string) { return n.ID, n.Name })
}

// pick finds a thing by id, or by a name that it alone has.
func pick[T any](what, idOrName string, all []T, names func(T) (id, name string)) (T, error) {
	var none T
	if i := slices.IndexFunc(all, func(t T) bool { id, _ := names(t); return id == idOrName }); i >= 0 {
		return all[i], nil
	}
	named := slices.DeleteFunc(slices.Clone(all), func(t T) bool { _, name := names(t); return name != idOrName })
	switch len(named) {
	case 0:
		return none, hanok.NotFound(what, hanok.Quote(idOrName))
	case 1:
		return named[0], nil
	}
	return none, hanok.Errorf(hanok.KindConflict, "%d %ss are named %s; use the id of one", len(named), what, hanok.Quote(idOrName))
}

func (o operator) listNetworks(w http.ResponseWriter, r *http.Request) error {
	all, err := o.networks(r)
	if err != nil {
		return err
	}
	list := []Network{}
	for _, n := range all {
		list = append(list, networkOf(n))
	}
	respond.JSON(w, http.StatusOK, list)
	return nil
}

func (o operator) createNetwork(w http.ResponseWriter, r *http.Request) error {
	var body Network
	if err := read(r, &body); err != nil {
		return err
	}
	cidr, err := readPrefix(body.CIDR)
	if err != nil {
		return err
	}
	p, err := o.project(r.Context(), body.Project)
	if err != nil {
		return err
	}
	n, err := o.catalogue.CreateNetwork(r.Context(), p.ID, body.Name, cidr)
	if err == nil {
		respond.JSON(w, http.StatusCreated, networkOf(n))
	}
	return err
}

func (o operator) deleteNetwork(w http.ResponseWriter, r *http.Request) error {
	n, err := o.network(r, r.PathValue("network"))
	if err != nil {
		return err
	}
	if n.ProjectID == "" {
		return hanok.Errorf(hanok.KindConflict, "network %s belongs to the installation: public endpoints have their addresses there", n.Name)
	}
	if err := o.catalogue.DeleteNetwork(r.Context(), n.ProjectID, n.ID); err != nil {
		return err
	}
	respond.NoContent(w)
	return nil
}

func (o operator) listSubnets(w http.ResponseWriter, r *http.Request) error {
	all, err := o.subnets(r)
	if err != nil {
		return err
	}
	list := []Subnet{}
	for _, s := range all {
		list = append(list, subnetOf(s))
	}
	respond.JSON(w, http.StatusOK, list)
	return nil
}

func (o operator) createSubnet(w http.ResponseWriter, r *http.Request) error {
	var body Subnet
	if err := read(r, &body); err != nil {
		return err
	}
	cidr, err := readPrefix(body.CIDR)
	if err != nil {
		return err
	}
	var gateway netip.Addr
	if body.Gateway != "" {
		if gateway, err = netip.ParseAddr(body.Gateway); err != nil {
			return hanok.Invalid("gateway", "%s is no IP address", hanok.Quote(body.Gateway))
		}
	}
	n, err := o.network(r, body.Network)
	if err != nil {
		return err
	}
	if n.ProjectID == "" {
		return hanok.Errorf(hanok.KindConflict, "network %s belongs to the installation and has the subnet that it needs", n.Name)
	}
	s, err := o.catalogue.CreateSubnet(r.Context(), infra.Subnet{
		Name: body.Name, NetworkID: n.ID, ProjectID: n.ProjectID, CIDR: cidr, Gateway: gateway, InternetGateway: body.InternetGateway,
	})
	if err == nil {
		respond.JSON(w, http.StatusCreated, subnetOf(s))
	}
	return err
}

func readPrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, hanok.Invalid("cidr", "%s is no network; give one as 192.168.0.0/24", hanok.Quote(s))
	}
	return p, nil
}

func (o operator) deleteSubnet(w http.ResponseWriter, r *http.Request) error {
	all, err := o.subnets(r)
	if err != nil {
		return err
	}
	s, err := pick("subnet", r.PathValue("subnet"), all, func(s infra.Subnet) (string, string) { return s.ID, s.Name })
	if err != nil {
		return err
	}
	if s.ProjectID == "" {
		return hanok.Errorf(hanok.KindConflict, "subnet %s belongs to the installation: public endpoints have their addresses there", s.Name)
	}
	if err := o.catalogue.DeleteSubnet(r.Context(), s.ProjectID, s.ID); err != nil {
		return err
	}
	respond.NoContent(w)
	return nil
}
