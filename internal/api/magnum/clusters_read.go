package magnum

import (
	"net/http"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/store"
)

// clusterKeys are the fields that clusters can be sorted by.
var clusterKeys = sortKeys[hanok.Cluster]{
	"uuid":       func(c hanok.Cluster) string { return c.UUID },
	"name":       func(c hanok.Cluster) string { return c.Name },
	"status":     func(c hanok.Cluster) string { return string(c.Status) },
	"stack_id":   func(c hanok.Cluster) string { return c.StackID },
	"keypair":    func(c hanok.Cluster) string { return c.Keypair },
	"flavor_id":  func(c hanok.Cluster) string { return c.FlavorID },
	"created_at": func(c hanok.Cluster) string { return sortableTime(c.CreatedAt) },
	"updated_at": func(c hanok.Cluster) string { return sortableTime(c.UpdatedAt) },
}

// sortableTime gives a text that sorts as the times do.
func sortableTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000") }

func (a *api) listClusters(w http.ResponseWriter, r *http.Request) error {
	return listClusters(a, w, r, func(tx store.Tx, c hanok.Cluster) (clusterSummary, error) {
		count, err := tx.WorkerCount(c.UUID)
		return summarize(r, c, count), err
	})
}

// listClustersInDetail is Magnum's GET clusters/detail; the guides lack it.
func (a *api) listClustersInDetail(w http.ResponseWriter, r *http.Request) error {
	return listClusters(a, w, r, func(tx store.Tx, c hanok.Cluster) (clusterDetail, error) {
		return detail(r, tx, c)
	})
}

func listClusters[V any](a *api, w http.ResponseWriter, r *http.Request, show func(store.Tx, hanok.Cluster) (V, error)) error {
	p, err := readPage(r)
	if err != nil {
		return err
	}
	body := struct {
		Clusters []V    `json:"clusters"`
		Next     string `json:"next,omitempty"`
	}{Clusters: []V{}}
	err = a.Store.View(r.Context(), func(tx store.Tx) error {
		body.Clusters = body.Clusters[:0]
		all, err := tx.Clusters(auth.Token(r.Context()).ProjectID)
		if err != nil {
			return err
		}
		page, next, err := paginate(p, all, clusterKeys)
		if err != nil {
			return err
		}
		body.Next = next
		for _, c := range page {
			v, err := show(tx, c)
			if err != nil {
				return err
			}
			body.Clusters = append(body.Clusters, v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusOK, body)
	return nil
}

func (a *api) getCluster(w http.ResponseWriter, r *http.Request) error {
	var body clusterDetail
	err := a.view(r, func(tx store.Tx, c hanok.Cluster) (err error) {
		body, err = detail(r, tx, c)
		return err
	})
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusOK, body)
	return nil
}
