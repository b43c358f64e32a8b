package magnum

import (
	"fmt"
	"net/http"

	"github.com/hanok/hanok/internal/api/respond"
)

type link struct {
	Href string `json:"href"`
	Rel  string `json:"rel"`
}

type apiVersion struct {
	ID         string `json:"id"`
	Status     string `json:"status"`
	MinVersion string `json:"min_version"`
	MaxVersion string `json:"max_version"`
	Links      []link `json:"links"`
}

// getVersions is the document at "/": which versions of the API there are.
func getVersions(w http.ResponseWriter, r *http.Request) error {
	respond.JSON(w, http.StatusOK, struct {
		Name        string       `json:"name"`
		Description string       `json:"description"`
		Versions    []apiVersion `json:"versions"`
	}{
		"hanok", "Managed Kubernetes clusters by the container-infra API",
		[]apiVersion{{
			ID: "v1", Status: "CURRENT",
			MinVersion: fmt.Sprintf("1.%d", minMicroversion), MaxVersion: fmt.Sprintf("1.%d", maxMicroversion),
			Links: []link{{respond.BaseURL(r) + "/v1/", "self"}},
		}},
	})
	return nil
}

// getVersion is the document at "/v1": where its resources are.
func getVersion(w http.ResponseWriter, r *http.Request) error {
	base := respond.BaseURL(r)
	doc := map[string]any{
		"id":          "v1",
		"media_types": []map[string]string{{"base": "application/json", "type": "application/vnd.openstack.magnum.v1+json"}},
		"links":       []link{{base + "/v1/", "self"}},
	}
	for _, resource := range []string{"clusters", "clustertemplates", "certificates", "quotas", "stats", "supports"} {
		doc[resource] = []link{{base + "/v1/" + resource + "/", "self"}, {base + "/" + resource + "/", "bookmark"}}
	}
	respond.JSON(w, http.StatusOK, doc)
	return nil
}
