package magnum

import (
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/store"
)

// getStats counts clusters and worker nodes: of the caller's project, of the
// one that an administrator names, or of all for an administrator who names
// none.
func (a *api) getStats(w http.ResponseWriter, r *http.Request) error {
	t := auth.Token(r.Context())
	project := r.URL.Query().Get("project_id")
	switch {
	case auth.IsAdmin(t):
		if project != "" {
			if err := a.knownProject(r.Context(), project); err != nil {
				return err
			}
		}
	case project == "":
		project = t.ProjectID
	case project != t.ProjectID:
		return hanok.NotFound("project", hanok.Quote(project))
	}
	stats := struct {
		Clusters int `json:"clusters"`
		Nodes    int `json:"nodes"`
	}{}
	err := a.Store.View(r.Context(), func(tx store.Tx) error {
		clusters, err := tx.Clusters(project)
		if err != nil {
			return err
		}
		nodes, err := tx.AllNodes(project)
		if err != nil {
			return err
		}
		stats.Clusters, stats.Nodes = len(clusters), 0
		for _, n := range nodes {
			if n.Role == hanok.RoleWorker {
				stats.Nodes++
			}
		}
		return nil
	})
	if err == nil {
		respond.JSON(w, http.StatusOK, stats)
	}
	return err
}
