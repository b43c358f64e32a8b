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

// getCertificate gives the certificate of the cluster's authority, as
// Magnum's clients ask for it.
func (a *api) getCertificate(w http.ResponseWriter, r *http.Request) error {
	c, err := a.clusterOf(r)
	if err != nil {
		return err
	}
	pem, err := a.Engine.CA(r.Context(), c.UUID)
	if err != nil {
		return err
	}
	base := respond.BaseURL(r)
	respond.JSON(w, http.StatusOK, struct {
		ClusterUUID string  `json:"cluster_uuid"`
		PEM         string  `json:"pem"`
		CSR         *string `json:"csr"`
		Links       []link  `json:"links"`
	}{c.UUID, string(pem), nil, []link{
		{base + "/v1/certificates/" + c.UUID, "self"}, {base + "/certificates/" + c.UUID, "bookmark"},
	}})
	return nil
}
