package magnum

import (
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/request"
	"github.com/hanok/hanok/internal/quota"
	"github.com/hanok/hanok/internal/store"
)

// maxBody is the largest JSON body in bytes.
const maxBody = 1 << 20

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

// admissionOptions are the settings that the caller's requests are checked
// against.
func (a *api) admissionOptions(r *http.Request) (admission.Options, error) {
	opts := admission.Options{Bundles: a.Bundles()}
	err := a.Store.View(r.Context(), func(tx store.Tx) error {
		q, err := quota.Of(tx, auth.Token(r.Context()).ProjectID, quota.Node)
		if q.IsSet() {
			opts.GroupQuota = q.HardLimit
		}
		return err
	})
	return opts, err
}
