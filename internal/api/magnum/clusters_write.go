package magnum

import (
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/request"
	"github.com/hanok/hanok/internal/api/respond"
)

// maxBody is the largest JSON body in bytes.
const maxBody = 1 << 20

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

// readRequest reads a body, and what it is admitted by.
func (a *api) readRequest(w http.ResponseWriter, r *http.Request) ([]byte, admission.Options, error) {
	body, err := readBody(w, r)
	if err != nil {
		return nil, admission.Options{}, err
	}
	opts, err := a.admissionOptions(r)
	return body, opts, err
}

// readBody reads a JSON body up to maxBody. To container-infra a larger one is
// bad input like any other.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := request.Body(w, r, maxBody)
	if hanok.KindOf(err) == hanok.KindTooLarge {
		return nil, hanok.Invalid("body", "is larger than %d bytes", maxBody)
	}
	return body, err
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
