package magnum

import (
	"net/http"

	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/respond"
)

func (a *api) createCluster(w http.ResponseWriter, r *http.Request) error {
	body, opts, err := a.readRequest(w, r)
	if err != nil {
		return err
	}
	plan, err := admission.CreateCluster(r.Context(), a.Catalogue, auth.Token(r.Context()), body, opts)
	if err != nil {
		return err
	}
	c, err := a.Engine.CreateCluster(r.Context(), plan)
	if err != nil {
		return err
	}
	w.Header().Set("Location", respond.BaseURL(r)+"/v1/clusters/"+c.UUID)
	respond.JSON(w, http.StatusAccepted, uuidBody{c.UUID})
	return nil
}

func (a *api) deleteCluster(w http.ResponseWriter, r *http.Request) error {
	c, err := a.clusterOf(r)
	if err != nil {
		return err
	}
	if err := a.Engine.DeleteCluster(r.Context(), c.UUID); err != nil {
		return err
	}
	respond.NoContent(w)
	return nil
}
