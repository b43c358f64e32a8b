package magnum

import (
	"net/http"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/api/respond"
)

// setUserScript changes the user script of nodes that are made later (guide,
// "Change User Script").
func (a *api) setUserScript(w http.ResponseWriter, r *http.Request) error {
	c, err := a.clusterOf(r)
	if err != nil {
		return err
	}
	group := r.PathValue("nodegroup")
	if group == hanok.DefaultMasterGroup {
		return hanok.Errorf(hanok.KindForbidden, "%s is the control plane, which the service manages; it runs no user script", group)
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	script, err := admission.UserScript(body)
	if err != nil {
		return err
	}
	g, err := a.Engine.SetUserScript(r.Context(), c.UUID, strings.ToLower(group), script)
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusAccepted, uuidBody{g.UUID})
	return nil
}
