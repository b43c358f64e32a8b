package magnum

import (
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/respond"
)

// patchCluster takes Magnum's JSON patch: /node_count is the default worker
// group's.
func (a *api) patchCluster(w http.ResponseWriter, r *http.Request) error {
	c, err := a.clusterOf(r)
	if err != nil {
		return err
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	if !admission.IsJSONPatch(body) {
		return admission.ChangeCluster(body)
	}
	plan, err := admission.Patch(body, true)
	if err != nil {
		return err
	}
	if _, err := a.Engine.Resize(r.Context(), c.UUID, plan.Resize); err != nil {
		return err
	}
	respond.JSON(w, http.StatusAccepted, uuidBody{c.UUID})
	return nil
}

// changeFlavor takes the guide's PATCH of a group: an object with a type.
func (a *api) changeFlavor(w http.ResponseWriter, r *http.Request, clusterUUID, group string, body []byte, opts admission.Options) error {
	plan, err := admission.ChangeFlavor(r.Context(), a.Catalogue, auth.Token(r.Context()), body, opts)
	if err != nil {
		return err
	}
	g, err := a.Engine.ChangeFlavor(r.Context(), clusterUUID, group, plan)
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusAccepted, uuidBody{g.UUID})
	return nil
}

// patchNodeGroup takes both dialects of PATCH; an array is Magnum's, and is
// answered with the whole group as Magnum does.
func (a *api) patchNodeGroup(w http.ResponseWriter, r *http.Request) error {
	c, group, err := a.groupOf(r)
	if err != nil {
		return err
	}
	body, opts, err := a.readRequest(w, r)
	if err != nil {
		return err
	}
	if !admission.IsJSONPatch(body) {
		return a.changeFlavor(w, r, c.UUID, group, body, opts)
	}
	plan, err := admission.Patch(body, false)
	if err != nil {
		return err
	}
	var g hanok.NodeGroup
	if plan.Resize != nil {
		plan.Resize.Group = group
		g, err = a.Engine.Resize(r.Context(), c.UUID, plan.Resize)
	} else {
		g, err = a.Engine.SetBounds(r.Context(), c.UUID, group, plan.Bounds)
	}
	if err != nil {
		return err
	}
	return a.acceptGroup(w, r, g)
}
