// Package respond writes the answers of every API: JSON bodies, and errors in
// the shape of the service that is being spoken. It is the one place that
// knows which HTTP status an error is.
package respond

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// JSON answers with a status and a body. The body is encoded before anything
// is sent, so a value that cannot be encoded is a clean 500.
func JSON(w http.ResponseWriter, status int, body any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // kubeconfigs and reasons are read by people
	if err := enc.Encode(body); err != nil {
		http.Error(w, "the answer could not be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(buf.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // the client has gone: nobody is left to tell
}

// NoContent answers 204 without a body.
func NoContent(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }
