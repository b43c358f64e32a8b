package identity

import (
	"net/http"

	"github.com/hanok/hanok/internal/api/respond"
)

type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

type mediaType struct {
	Base string `json:"base"`
	Type string `json:"type"`
}

type version struct {
	ID         string      `json:"id"`
	Status     string      `json:"status"`
	Updated    string      `json:"updated"`
	Links      []link      `json:"links"`
	MediaTypes []mediaType `json:"media-types"`
}

// The versions that are spoken. v2.0 is "stable" too: clients leave versions
// alone that call themselves deprecated.
func v3(r *http.Request) version {
	return version{
		ID: "v3.14", Status: "stable", Updated: "2020-04-07T00:00:00Z",
		Links:      []link{{Rel: "self", Href: respond.BaseURL(r) + Prefix + "/v3/"}},
		MediaTypes: []mediaType{{Base: "application/json", Type: "application/vnd.openstack.identity-v3+json"}},
	}
}

func v2(r *http.Request) version {
	return version{
		ID: "v2.0", Status: "stable", Updated: "2016-08-04T00:00:00Z",
		Links:      []link{{Rel: "self", Href: respond.BaseURL(r) + Prefix + "/v2.0/"}},
		MediaTypes: []mediaType{{Base: "application/json", Type: "application/vnd.openstack.identity-v2.0+json"}},
	}
}

// versions answers 300, as Keystone does: the caller has a choice.
func (a *api) versions(w http.ResponseWriter, r *http.Request) {
	respond.JSON(w, http.StatusMultipleChoices, map[string]any{
		"versions": map[string]any{"values": []version{v3(r), v2(r)}},
	})
}

func (a *api) versionV3(w http.ResponseWriter, r *http.Request) {
	respond.JSON(w, http.StatusOK, map[string]any{"version": v3(r)})
}

func (a *api) versionV2(w http.ResponseWriter, r *http.Request) {
	respond.JSON(w, http.StatusOK, map[string]any{"version": v2(r)})
}
