package agentapi

import (
	"net/http"
	"regexp"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/machine"
)

func (h *handler) bootstrap(w http.ResponseWriter, r *http.Request) {
	var req machine.BootstrapRequest
	if err := decode(w, r, maxRequest, &req); err != nil {
		h.fail(w, r, err)
		return
	}
	resp, err := h.fleet.Bootstrap(r.Context(), req)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.log.Info("machine let in", "machine", req.MachineKey, "from", r.RemoteAddr)
	respond.JSON(w, http.StatusOK, resp)
}

func (h *handler) state(w http.ResponseWriter, r *http.Request, key string) {
	wait, err := waitOf(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	state, changed, err := h.fleet.State(r.Context(), key, r.URL.Query().Get("version"), wait)
	switch {
	case err != nil:
		h.fail(w, r, err)
	case changed:
		respond.JSON(w, http.StatusOK, state)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// waitOf reads how long the agent is willing to wait: a Go duration, none is
// an answer at once.
func waitOf(r *http.Request) (time.Duration, error) {
	text := r.URL.Query().Get("wait")
	if text == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(text)
	if err != nil || wait < 0 {
		return 0, hanok.Invalid("wait", "%q is no duration such as 30s", text)
	}
	return min(wait, maxWait), nil
}

func (h *handler) report(w http.ResponseWriter, r *http.Request, key string) {
	var rep machine.Report
	if err := decode(w, r, maxReport, &rep); err != nil {
		h.fail(w, r, err)
		return
	}
	h.fleet.Record(key, rep)
	w.WriteHeader(http.StatusNoContent)
}

func (h *handler) certificate(w http.ResponseWriter, r *http.Request, key string) {
	var req machine.CertificateRequest
	if err := decode(w, r, maxRequest, &req); err != nil {
		h.fail(w, r, err)
		return
	}
	resp, err := h.fleet.Certificates(r.Context(), key, req)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	respond.JSON(w, http.StatusOK, resp)
}

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (h *handler) blob(w http.ResponseWriter, r *http.Request, key string) {
	digest := r.PathValue("digest")
	if !digestForm.MatchString(digest) {
		h.fail(w, r, hanok.Invalid("digest", "%.80q is no sha256 in hex", digest))
		return
	}
	content, err := h.fleet.Blob(r.Context(), key, digest)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	defer content.Close()
	// The digest is the content's name, so it never changes and a broken
	// transfer goes on where it stopped.
	w.Header().Set("Etag", `"`+digest+`"`)
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, content)
}
