package magnum

import (
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
)

// getSupports tells which Kubernetes versions and which operations there are.
func (a *api) getSupports(w http.ResponseWriter, _ *http.Request) error {
	respond.JSON(w, http.StatusOK, struct {
		Versions map[string]bool                       `json:"supported_k8s"`
		Events   map[string]map[hanok.EventType]string `json:"supported_event_type"`
	}{hanok.SupportedVersions(a.Bundles()), hanok.SupportedEvents()})
	return nil
}
