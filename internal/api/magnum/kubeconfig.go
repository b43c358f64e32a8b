package magnum

import (
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/respond"
)

// getKubeconfig gives an administrator's kubeconfig. It opens all of the
// cluster, so a role that may only read does not get it.
func (a *api) getKubeconfig(w http.ResponseWriter, r *http.Request) error {
	if !auth.MayWrite(auth.Token(r.Context())) {
		return hanok.Errorf(hanok.KindForbidden, "your roles allow reading only, and a kubeconfig administers the cluster")
	}
	c, err := a.clusterOf(r)
	if err != nil {
		return err
	}
	config, err := a.Engine.Kubeconfig(r.Context(), c.UUID)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	respond.JSON(w, http.StatusOK, map[string]string{"config": config})
	return nil
}
