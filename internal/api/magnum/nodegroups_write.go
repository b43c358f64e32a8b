package magnum

import (
	"net/http"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/store"
)

// createNodeGroup answers with the whole group, as the guide has it.
func (a *api) createNodeGroup(w http.ResponseWriter, r *http.Request) error {
	c, err := a.clusterOf(r)
	if err != nil {
		return err
	}
	body, opts, err := a.readRequest(w, r)
	if err != nil {
		return err
	}
	plan, err := admission.CreateNodeGroup(r.Context(), a.Catalogue, auth.Token(r.Context()), body, opts)
	if err != nil {
		return err
	}
	g, err := a.Engine.CreateNodeGroup(r.Context(), c.UUID, plan)
	if err != nil {
		return err
	}
	w.Header().Set("Location", respond.BaseURL(r)+"/v1/clusters/"+c.UUID+"/nodegroups/"+g.UUID)
	return a.acceptGroup(w, r, g)
}

// acceptGroup answers 202 with a group.
func (a *api) acceptGroup(w http.ResponseWriter, r *http.Request, g hanok.NodeGroup) error {
	var shown groupDetail
	err := a.Store.View(r.Context(), func(tx store.Tx) (err error) {
		shown, err = detailGroup(r, tx, g)
		return err
	})
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusAccepted, shown)
	return nil
}

func (a *api) deleteNodeGroup(w http.ResponseWriter, r *http.Request) error {
	c, group, err := a.groupOf(r)
	if err != nil {
		return err
	}
	if err := a.Engine.DeleteNodeGroup(r.Context(), c.UUID, group); err != nil {
		return err
	}
	respond.NoContent(w)
	return nil
}

// groupOf gives the cluster that the path names, and the group's UUID or name
// as the engine takes it.
func (a *api) groupOf(r *http.Request) (c hanok.Cluster, group string, err error) {
	if c, err = a.clusterOf(r); err != nil {
		return c, "", err
	}
	group = strings.ToLower(r.PathValue("nodegroup"))
	if group == hanok.DefaultMasterGroup {
		return c, "", hanok.Errorf(hanok.KindForbidden, "%s is the control plane, which the service manages; it can only be upgraded", group)
	}
	return c, group, nil
}

// resize answers with the cluster's UUID: clients wait for the cluster.
func (a *api) resize(w http.ResponseWriter, r *http.Request) error {
	c, err := a.clusterOf(r)
	if err != nil {
		return err
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	plan, err := admission.Resize(body)
	if err != nil {
		return err
	}
	if _, err := a.Engine.Resize(r.Context(), c.UUID, plan); err != nil {
		return namedGroup(err, plan.Group)
	}
	respond.JSON(w, http.StatusAccepted, uuidBody{c.UUID})
	return nil
}

// namedGroup makes an unknown group that the body names, not the path, an
// error of the request.
func namedGroup(err error, group string) error {
	switch {
	case hanok.KindOf(err) != hanok.KindNotFound:
		return err
	case group == hanok.DefaultMasterGroup:
		return hanok.Invalid("nodegroup", "%s is the control plane, which the service manages; it cannot be resized", group)
	}
	return hanok.Invalid("nodegroup", "node group %s could not be found", hanok.Quote(group))
}
