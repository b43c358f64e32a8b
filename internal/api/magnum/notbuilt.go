package magnum

import (
	"net/http"

	"github.com/hanok/hanok"
)

// missing is an operation of the guides, or of Magnum, that is not built yet.
type missing struct {
	method, path string
	name         string // as the guide titles it
}

// refuse answers 501 by name, but first as every operation does for a cluster
// that is not the caller's.
func (a *api) refuse(m missing) handlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) error {
		if r.PathValue("cluster") != "" {
			if _, err := a.clusterOf(r); err != nil {
				return err
			}
		}
		return hanok.Errorf(hanok.KindNotImplemented, "%q (%s %s) is not built yet", m.name, m.method, m.path)
	}
}

const (
	clusterPath = "/v1/clusters/{cluster}"
	groupPath   = clusterPath + "/nodegroups/{nodegroup}"
	addonPath   = clusterPath + "/addons/{addon}"
)

// notBuilt lists the operations of both guides, of the newer public ones, and
// of Magnum's clients that answer 501.
var notBuilt = []missing{
	{http.MethodPost, clusterPath + "/actions/upgrade", "Upgrade a Cluster (Magnum's form)"},
	{http.MethodPost, clusterPath + "/actions/cni_update", "Change Cluster CNI"},
	{http.MethodPost, clusterPath + "/actions/update_sgw", "Change Service Gateway"},
	{http.MethodPost, clusterPath + "/api_ep_ipacl", "Enforce IP Access Control to Cluster API Endpoints"},
	{http.MethodGet, clusterPath + "/api_ep_ipacl", "Get Cluster API Endpoint IP Access Control"},
	{http.MethodPatch, "/v1/certificates/{cluster}", "Renew Cluster Certificate"},
	{http.MethodGet, groupPath + "/autoscale", "View Autoscaler Configuration of a Node Group"},
	{http.MethodPost, groupPath + "/autoscale", "Change Autoscaler Configuration of a Node Group"},
	{http.MethodPost, groupPath + "/upgrade", "Upgrade a Cluster"},
	{http.MethodGet, "/v1/addon_types", "List Add-on Types"},
	{http.MethodGet, "/v1/addon_types/{type}", "Get an Add-on Type"},
	{http.MethodGet, "/v1/addons", "List Add-ons"},
	{http.MethodGet, "/v1/addons/{addon}", "Get an Add-on"},
	{http.MethodGet, clusterPath + "/addons", "List the Add-ons of a Cluster"},
	{http.MethodPost, clusterPath + "/addons", "Install an Add-on"},
	{http.MethodGet, addonPath, "Get an Add-on of a Cluster"},
	{http.MethodPatch, addonPath, "Update an Add-on"},
	{http.MethodDelete, addonPath, "Remove an Add-on"},
}
