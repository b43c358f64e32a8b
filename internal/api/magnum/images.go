package magnum

import (
	"net/http"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
)

// imageTimeout bounds the upload of an image archive and its import on all nodes.
const imageTimeout = 30 * time.Minute

// loadImage takes an image archive (OCI or docker layout, a tar) for every
// present and future node of a cluster. This is hanok's own: the guides have
// a registry for it.
func (a *api) loadImage(w http.ResponseWriter, r *http.Request) error {
	c, err := a.clusterOf(r)
	if err != nil {
		return err
	}
	// An upload may take longer than the server lets an ordinary request take;
	// a server without deadlines has none to move.
	control := http.NewResponseController(w)
	deadline := time.Now().Add(imageTimeout)
	_ = control.SetReadDeadline(deadline)
	_ = control.SetWriteDeadline(deadline)

	archive := http.MaxBytesReader(w, r.Body, a.MaxImageBytes)
	refs, err := a.Engine.LoadImage(r.Context(), c.UUID, archive)
	if bodyTooLarge(err) {
		return hanok.Errorf(hanok.KindTooLarge, "the image archive is larger than %d bytes", a.MaxImageBytes)
	}
	if err != nil {
		return err
	}
	if refs == nil {
		refs = []string{}
	}
	respond.JSON(w, http.StatusOK, struct {
		UUID   string   `json:"uuid"`
		Images []string `json:"images"`
	}{c.UUID, refs})
	return nil
}
