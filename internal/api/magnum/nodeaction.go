package magnum

import (
	"context"
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/api/respond"
)

func (a *api) stopNodes(w http.ResponseWriter, r *http.Request) error {
	return a.nodeAction(w, r, a.Engine.StopNodes)
}

func (a *api) startNodes(w http.ResponseWriter, r *http.Request) error {
	return a.nodeAction(w, r, a.Engine.StartNodes)
}

// nodeAction does something with the nodes that the body lists, and answers
// with the group's UUID.
func (a *api) nodeAction(w http.ResponseWriter, r *http.Request,
	act func(ctx context.Context, clusterUUID, group string, nodes []string) (hanok.NodeGroup, error),
) error {
	c, group, err := a.groupOf(r)
	if err != nil {
		return err
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	nodes, err := admission.NodeList(body)
	if err != nil {
		return err
	}
	g, err := act(r.Context(), c.UUID, group, nodes)
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusAccepted, uuidBody{g.UUID})
	return nil
}
