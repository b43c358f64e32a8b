package catalogue

import (
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

// volume serves Cinder's volume types and, for reading, the volumes of the
// project's nodes.
func (a *api) volume() http.Handler {
	v := versioned{
		prefix: volumePrefix, style: respond.Cinder, versions: []string{"v2", "v3"}, project: true,
		root: func(w http.ResponseWriter, r *http.Request) {
			respond.JSON(w, http.StatusMultipleChoices, object{"versions": []object{cinderVersion(r, "v2"), cinderVersion(r, "v3")}})
		},
		document: func(w http.ResponseWriter, r *http.Request, version string) {
			respond.JSON(w, http.StatusOK, object{"versions": []object{cinderVersion(r, version)}})
		},
	}
	return a.serve(v, routes{
		"/types":          get(a.listVolumeTypes),
		"/types/{id}":     get(a.showVolumeType),
		"/volumes":        get(a.listVolumes(false)),
		"/volumes/detail": get(a.listVolumes(true)),
		"/volumes/{id}":   get(a.showVolume),
	})
}

func cinderVersion(r *http.Request, version string) object {
	o := object{
		"id": version + ".0", "status": "CURRENT", "updated": "2023-01-01T00:00:00Z", "version": "", "min_version": "",
		"links":       []object{{"rel": "self", "href": respond.BaseURL(r) + volumePrefix + "/" + version + "/"}},
		"media-types": []object{{"base": "application/json", "type": "application/vnd.openstack.volume+json;version=" + version[1:]}},
	}
	switch version {
	case "v2":
		o["status"] = "SUPPORTED"
	case "v3":
		o["version"], o["min_version"] = "3.0", "3.0"
	}
	return o
}

func (a *api) listVolumeTypes(w http.ResponseWriter, r *http.Request) error {
	all, err := a.Catalogue.VolumeTypes(r.Context())
	if err != nil {
		return err
	}
	items := make([]object, 0, len(all))
	for _, t := range all {
		items = append(items, volumeTypeObject(t))
	}
	l := listing{ignored: []string{"is_public"}} // all types are
	p, err := l.apply(r.URL.Query(), items, volumeTypeObject(infra.VolumeType{}))
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusOK, object{"volume_types": p.items})
	return nil
}

func (a *api) showVolumeType(w http.ResponseWriter, r *http.Request) error {
	all, err := a.Catalogue.VolumeTypes(r.Context())
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.ID == r.PathValue("id") {
			respond.JSON(w, http.StatusOK, object{"volume_type": volumeTypeObject(t)})
			return nil
		}
	}
	return hanok.NotFound("volume type", r.PathValue("id"))
}

func volumeTypeObject(t infra.VolumeType) object {
	return object{
		"id": t.ID, "name": t.Name, "description": nil, "is_public": true, "os-volume-type-access:is_public": true,
		"qos_specs_id": nil, "extra_specs": object{},
	}
}
