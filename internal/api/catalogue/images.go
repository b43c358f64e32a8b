package catalogue

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

const glanceVersion = "v2"

// image serves Glance's images API.
func (a *api) image() http.Handler {
	v := versioned{
		prefix: imagePrefix, style: respond.Glance, versions: []string{glanceVersion},
		root: func(w http.ResponseWriter, r *http.Request) { glanceVersions(w, r) },
		document: func(w http.ResponseWriter, r *http.Request, _ string) {
			glanceVersions(w, r)
		},
	}
	return a.serve(v, routes{
		"/images":      get(a.listImages),
		"/images/{id}": get(a.showImage),
	})
}

// glanceVersions answers 300, as Glance does.
func glanceVersions(w http.ResponseWriter, r *http.Request) {
	respond.JSON(w, http.StatusMultipleChoices, map[string]any{"versions": []object{{
		"id": "v2.9", "status": "CURRENT",
		"links": []object{{"rel": "self", "href": respond.BaseURL(r) + imagePrefix + "/v2/"}},
	}}})
}

func (a *api) listImages(w http.ResponseWriter, r *http.Request) error {
	all, err := a.Catalogue.Images(r.Context(), project(r))
	if err != nil {
		return err
	}
	items := make([]object, 0, len(all))
	for _, i := range all {
		items = append(items, imageObject(i))
	}
	l := listing{ignored: []string{"member_status"}, special: imageFilters}
	p, err := l.apply(r.URL.Query(), items, imageObject(infra.Image{}))
	if err != nil {
		return err
	}
	// Glance's links are relative to the service.
	body := object{"images": p.items, "schema": "/v2/schemas/images", "first": "/v2/images"}
	if next := l.nextLink(r, "/v2/images", p); next != "" {
		body["next"] = next
	}
	respond.JSON(w, http.StatusOK, body)
	return nil
}

// imageFilters are those of Glance's that are not just a field's value.
var imageFilters = map[string]func(object, string) (bool, error){
	"size_min": atLeast("size"),
	"size_max": func(o object, want string) (bool, error) {
		most, err := strconv.ParseInt(want, 10, 64)
		size, _ := o["size"].(int64)
		return size <= most, err
	},
	"tag":         func(o object, want string) (bool, error) { return slices.Contains(o["tags"].([]string), want), nil },
	"visibility":  func(o object, want string) (bool, error) { return want == "all" || o["visibility"] == want, nil },
	"id":          oneOf("id"),
	"name":        oneOf("name"),
	"status":      oneOf("status"),
	"disk_format": oneOf("disk_format"),
}

// oneOf is a filter by a value, or by several as Glance writes them: "in:a,b".
func oneOf(field string) func(object, string) (bool, error) {
	return func(o object, want string) (bool, error) {
		list, several := strings.CutPrefix(want, "in:")
		if !several {
			return equals(o[field], want), nil
		}
		return slices.ContainsFunc(strings.Split(list, ","), func(one string) bool {
			return equals(o[field], strings.Trim(one, `"`))
		}), nil
	}
}

func (a *api) showImage(w http.ResponseWriter, r *http.Request) error {
	i, err := a.Catalogue.Image(r.Context(), project(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusOK, imageObject(i))
	return nil
}

func imageObject(i infra.Image) object {
	o := object{
		"id": i.ID, "name": i.Name, "status": i.Status, "visibility": i.Visibility, "protected": true,
		"owner": nil, "container_format": "bare", "disk_format": "raw", "min_disk": i.MinDiskGB, "min_ram": i.MinRAMMB,
		"size": nil, "virtual_size": nil, "checksum": nil, "os_hash_algo": nil, "os_hash_value": nil, "os_hidden": false,
		"os_distro": i.OSDistro, "os_version": i.OSVersion, "os_type": i.OSType, "os_architecture": i.OSArch,
		"login_username": i.LoginUser, "tags": []string{},
		// The guide's two ways of asking for the images that nodes can use.
		"nhncloud_product": "", "nhncloud_allow_nks_cpu_flavor": "false",
		"created_at": stamp(i.CreatedAt), "updated_at": stamp(i.CreatedAt),
		"self": "/v2/images/" + i.ID, "file": "/v2/images/" + i.ID + "/file", "schema": "/v2/schemas/image",
	}
	if i.SizeBytes > 0 {
		o["size"] = i.SizeBytes
	}
	if i.Kubernetes {
		o["nhncloud_product"], o["nhncloud_allow_nks_cpu_flavor"] = "container", "true"
	}
	return o
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
