package catalogue

import (
	"net/http"

	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

// compute serves Nova's flavors, key pairs, zones and servers, without
// microversions: v2 and v2.1 are one.
func (a *api) compute() http.Handler {
	v := versioned{
		prefix: computePrefix, style: respond.Nova, versions: []string{"v2", "v2.1"}, project: true,
		root: func(w http.ResponseWriter, r *http.Request) {
			respond.JSON(w, http.StatusOK, object{"versions": []object{novaVersion(r, "v2"), novaVersion(r, "v2.1")}})
		},
		document: func(w http.ResponseWriter, r *http.Request, version string) {
			respond.JSON(w, http.StatusOK, object{"version": novaVersion(r, version)})
		},
	}
	return a.serve(v, routes{
		"/flavors":                            get(a.listFlavors(false)),
		"/flavors/detail":                     get(a.listFlavors(true)),
		"/flavors/{id}":                       get(a.showFlavor),
		"/flavors/{id}/os-extra_specs":        get(a.showExtraSpecs),
		"/os-keypairs":                        {http.MethodGet: a.listKeypairs, http.MethodPost: a.createKeypair},
		"/os-keypairs/{name}":                 {http.MethodGet: a.showKeypair, http.MethodDelete: a.deleteKeypair},
		"/os-availability-zone":               get(a.listZones),
		"/os-availability-zone/detail":        get(a.listZones), // hosts are the operator's business
		"/servers":                            get(a.listServers(false)),
		"/servers/detail":                     get(a.listServers(true)),
		"/servers/{id}":                       get(a.showServer),
		"/servers/{id}/os-interface":          get(a.listInterfaces),
		"/servers/{id}/metadata":              get(a.showMetadata),
		"/servers/{id}/os-volume_attachments": get(a.listAttachments),
		"/servers/{id}/os-security-groups":    get(a.listServerSecurityGroups),
	})
}

func novaVersion(r *http.Request, version string) object {
	o := object{
		"id": version + ".0", "status": "SUPPORTED", "version": "", "min_version": "", "updated": "2011-01-21T11:33:21Z",
		"links": []object{{"rel": "self", "href": respond.BaseURL(r) + computePrefix + "/" + version + "/"}},
		"media-types": []object{
			{"base": "application/json", "type": "application/vnd.openstack.compute+json;version=" + version[1:]},
		},
	}
	if version == "v2.1" {
		o["id"], o["status"], o["updated"] = "v2.1", "CURRENT", "2013-07-23T11:33:21Z"
		o["version"], o["min_version"] = "2.1", "2.1"
	}
	return o
}

// computeLinks are a resource's own addresses, with and without the version.
func computeLinks(r *http.Request, path string) []object {
	base := respond.BaseURL(r) + computePrefix
	return []object{
		{"rel": "self", "href": base + "/v2.1/" + project(r) + path},
		{"rel": "bookmark", "href": base + "/" + project(r) + path},
	}
}

func (a *api) listFlavors(detail bool) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		all, err := a.Catalogue.Flavors(r.Context(), project(r))
		if err != nil {
			return err
		}
		items := make([]object, 0, len(all))
		for _, f := range all {
			items = append(items, flavorObject(r, f))
		}
		l := listing{ignored: []string{"is_public"}, special: map[string]func(object, string) (bool, error){
			"minRam": atLeast("ram"), "minDisk": atLeast("disk"),
		}}
		return a.computeList(w, r, "flavors", l, items, flavorObject(r, infra.Flavor{}), detail)
	}
}

// computeList answers with a list under key; without detail only of ids,
// names and links.
func (a *api) computeList(w http.ResponseWriter, r *http.Request, key string, l listing, items []object, fields object, detail bool) error {
	p, err := l.apply(r.URL.Query(), items, fields)
	if err != nil {
		return err
	}
	body := object{}
	self := respond.BaseURL(r) + computePrefix + "/v2.1/" + project(r) + r.URL.Path
	if next := l.nextLink(r, self, p); next != "" {
		body[key+"_links"] = []object{{"rel": "next", "href": next}}
	}
	if !detail {
		p.items = selected([]string{"id", "name", "links"}, p.items)
	}
	body[key] = p.items
	respond.JSON(w, http.StatusOK, body)
	return nil
}

func (a *api) showFlavor(w http.ResponseWriter, r *http.Request) error {
	f, err := a.Catalogue.Flavor(r.Context(), project(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusOK, object{"flavor": flavorObject(r, f)})
	return nil
}

func (a *api) showExtraSpecs(w http.ResponseWriter, r *http.Request) error {
	f, err := a.Catalogue.Flavor(r.Context(), project(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusOK, object{"extra_specs": extraSpecs(f)})
	return nil
}

func flavorObject(r *http.Request, f infra.Flavor) object {
	return object{
		"id": f.ID, "name": f.Name, "vcpus": f.VCPUs, "ram": f.MemoryMB, "disk": f.DiskGB, "swap": "", "rxtx_factor": 1.0,
		"OS-FLV-EXT-DATA:ephemeral": 0, "OS-FLV-DISABLED:disabled": false, "os-flavor-access:is_public": true,
		"extra_specs": extraSpecs(f), "links": computeLinks(r, "/flavors/"+f.ID),
	}
}

func extraSpecs(f infra.Flavor) map[string]string { return map[string]string{"flavor_type": f.Type} }

func (a *api) listZones(w http.ResponseWriter, r *http.Request) error {
	zones, err := a.Catalogue.Zones(r.Context())
	if err != nil {
		return err
	}
	items := make([]object, 0, len(zones))
	for _, z := range zones {
		items = append(items, object{"zoneName": z.Name, "zoneState": object{"available": z.Available}, "hosts": nil})
	}
	respond.JSON(w, http.StatusOK, object{"availabilityZoneInfo": items})
	return nil
}
