package magnum

import (
	"net/http"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
)

// leftovers refuses the two operations of the older guide that name no
// cluster: POST /v1/clusters/nodegroups and DELETE
// /v1/clusters/nodegroups/{id}, with a load balancer's fields, were printed by
// mistake. They stand before the routes because their paths mean a cluster
// named "nodegroups" to every other method.
func leftovers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, below := strings.CutPrefix(r.URL.Path, "/v1/clusters/nodegroups/")
		var instead string
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/v1/clusters/nodegroups":
			instead = "create a node group with POST /v1/clusters/{cluster}/nodegroups and the fields name, flavor_id, image_id, labels and node_count"
		case r.Method == http.MethodDelete && below && id != "" && !strings.Contains(id, "/"):
			instead = "delete a node group with DELETE /v1/clusters/{cluster}/nodegroups/{nodegroup}"
		default:
			next.ServeHTTP(w, r)
			return
		}
		respond.Error(w, r, respond.Magnum, hanok.Invalid("url", "the cluster is missing from the path: %s", instead))
	})
}
