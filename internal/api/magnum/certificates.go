package magnum

import (
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/store"
)

// certificate is Magnum's form of one. BayUUID is the cluster's under the
// name that clients of Magnum's first versions read.
type certificate struct {
	ClusterUUID string  `json:"cluster_uuid"`
	BayUUID     string  `json:"bay_uuid"`
	PEM         string  `json:"pem"`
	CSR         *string `json:"csr"`
	Links       []link  `json:"links"`
}

func certificateOf(r *http.Request, cluster string, pem []byte, csr *string) certificate {
	base := respond.BaseURL(r)
	return certificate{cluster, cluster, string(pem), csr, []link{
		{base + "/v1/certificates/" + cluster, "self"}, {base + "/certificates/" + cluster, "bookmark"},
	}}
}

// getCertificate gives the certificate of the cluster's authority.
func (a *api) getCertificate(w http.ResponseWriter, r *http.Request) error {
	c, err := a.clusterOf(r)
	if err != nil {
		return err
	}
	pem, err := a.Engine.CA(r.Context(), c.UUID)
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusOK, certificateOf(r, c.UUID, pem, nil))
	return nil
}

// signCertificate has the cluster's authority sign a user's request. Whoever
// may write may do that: the kubeconfig gives no less.
func (a *api) signCertificate(w http.ResponseWriter, r *http.Request) error {
	raw, err := readBody(w, r)
	if err != nil {
		return err
	}
	request, err := admission.ReadSigning(raw)
	if err != nil {
		return err
	}
	var c hanok.Cluster
	err = a.Store.View(r.Context(), func(tx store.Tx) error {
		c, err = findCluster(tx, auth.Token(r.Context()).ProjectID, request.Cluster)
		return err
	})
	if err != nil {
		return err
	}
	pem, err := a.Engine.SignCertificate(r.Context(), c.UUID, []byte(request.CSR))
	if err != nil {
		return err
	}
	w.Header().Set("Location", respond.BaseURL(r)+"/v1/certificates/"+c.UUID)
	respond.JSON(w, http.StatusCreated, certificateOf(r, c.UUID, pem, &request.CSR))
	return nil
}
