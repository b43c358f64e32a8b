package magnum

import (
	"net/http"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/store"
)

// findCluster gives the caller's cluster by UUID or by name. Another
// project's is not found; a name that several have is a conflict.
func findCluster(tx store.Tx, project, idOrName string) (hanok.Cluster, error) {
	if hanok.IsUUID(idOrName) {
		uuid := strings.ToLower(idOrName)
		c, err := tx.Cluster(uuid)
		if err == nil && c.ProjectID != project {
			err = hanok.NotFound("cluster", uuid)
		}
		return c, err
	}
	found, err := tx.ClustersByName(project, idOrName)
	switch {
	case err != nil:
		return hanok.Cluster{}, err
	case len(found) == 0:
		return hanok.Cluster{}, hanok.NotFound("cluster", hanok.Quote(idOrName))
	case len(found) > 1:
		return hanok.Cluster{}, hanok.Errorf(hanok.KindConflict, "%d clusters are named %s; use the UUID of one", len(found), hanok.Quote(idOrName))
	}
	return found[0], nil
}

// view runs fn over the cluster that the path names.
func (a *api) view(r *http.Request, fn func(tx store.Tx, c hanok.Cluster) error) error {
	project := auth.Token(r.Context()).ProjectID
	return a.Store.View(r.Context(), func(tx store.Tx) error {
		c, err := findCluster(tx, project, r.PathValue("cluster"))
		if err != nil {
			return err
		}
		return fn(tx, c)
	})
}

// clusterOf gives the cluster that the path names.
func (a *api) clusterOf(r *http.Request) (c hanok.Cluster, err error) {
	err = a.view(r, func(_ store.Tx, found hanok.Cluster) error {
		c = found
		return nil
	})
	return c, err
}
