package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/respond"
)

// service is one entry of the service catalogue. path follows the base URL;
// {project} stands for the project's id.
type service struct {
	kind, name, path string
	project          bool // the project's id ends the URL
}

// services are what clients look for, by type: the guide's tools want
// "kubernetes" without /v1, everybody else "container-infra" with it, and the
// cluster autoscaler insists on its name "magnum".
var services = []service{
	{kind: "kubernetes", name: "kubernetes", path: ""},
	{kind: "container-infra", name: "magnum", path: "/v1"},
	{kind: "identity", name: "keystone", path: Prefix},
	{kind: "compute", name: "nova", path: "/compute/v2/", project: true},
	{kind: "network", name: "neutron", path: "/network"},
	{kind: "image", name: "glance", path: "/image"},
	{kind: "volumev3", name: "cinderv3", path: "/volume/v3/", project: true},
	{kind: "volumev2", name: "cinderv2", path: "/volume/v2/", project: true},
	{kind: "block-storage", name: "cinder", path: "/volume/v3/", project: true},
}

func (s service) url(base, project string) string {
	if s.project {
		return base + s.path + project
	}
	return base + s.path
}

// id gives a stable id of an entry or of one of its endpoints.
func (s service) id(of string) string {
	sum := sha256.Sum256([]byte(s.kind + "/" + of))
	return hex.EncodeToString(sum[:16])
}

type catalogEntry struct {
	ID        string            `json:"id"`
	Type      string            `json:"type"`
	Name      string            `json:"name"`
	Endpoints []catalogEndpoint `json:"endpoints"`
}

type catalogEndpoint struct {
	ID        string `json:"id"`
	Interface string `json:"interface"`
	Region    string `json:"region"`
	RegionID  string `json:"region_id"`
	URL       string `json:"url"`
}

func (a *api) catalog(r *http.Request, project string) []catalogEntry {
	base := respond.BaseURL(r)
	entries := make([]catalogEntry, 0, len(services))
	for _, s := range services {
		e := catalogEntry{ID: s.id(""), Type: s.kind, Name: s.name}
		for _, iface := range []string{"public", "internal", "admin"} {
			e.Endpoints = append(e.Endpoints, catalogEndpoint{
				ID: s.id(iface), Interface: iface, Region: a.Region, RegionID: a.Region, URL: s.url(base, project),
			})
		}
		entries = append(entries, e)
	}
	return entries
}

type catalogEntryV2 struct {
	Type      string              `json:"type"`
	Name      string              `json:"name"`
	Endpoints []catalogEndpointV2 `json:"endpoints"`
	Links     []any               `json:"endpoints_links"`
}

type catalogEndpointV2 struct {
	ID          string `json:"id"`
	Region      string `json:"region"`
	PublicURL   string `json:"publicURL"`
	InternalURL string `json:"internalURL"`
	AdminURL    string `json:"adminURL"`
}

func (a *api) catalogV2(r *http.Request, project string) []catalogEntryV2 {
	base := respond.BaseURL(r)
	entries := make([]catalogEntryV2, 0, len(services))
	for _, s := range services {
		url := s.url(base, project)
		if s.kind == "identity" {
			url += "/v2.0"
		}
		entries = append(entries, catalogEntryV2{Type: s.kind, Name: s.name, Links: []any{}, Endpoints: []catalogEndpointV2{{
			ID: s.id("public"), Region: a.Region, PublicURL: url, InternalURL: url, AdminURL: url,
		}}})
	}
	return entries
}

func (a *api) showCatalog(w http.ResponseWriter, r *http.Request) {
	respond.JSON(w, http.StatusOK, map[string]any{
		"catalog": a.catalog(r, auth.Token(r.Context()).ProjectID),
		"links":   links(r),
	})
}

// links is what Keystone puts beside a list.
func links(r *http.Request) map[string]any {
	return map[string]any{"self": respond.BaseURL(r) + r.URL.Path, "previous": nil, "next": nil}
}
