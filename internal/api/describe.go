package api

import (
	"bytes"
	"net/http"
	"time"

	openapi "github.com/hanok/hanok/api"
	"github.com/hanok/hanok/internal/api/respond"
)

// describe answers with the API's description.
func describe(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(openapi.Document))
}

// onlyGet answers OPTIONS, and 405 to what would change something.
func onlyGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			next.ServeHTTP(w, r)
		case http.MethodOptions:
			respond.Options(w, http.MethodGet)
		default:
			respond.MethodNotAllowed(w, r, respond.Magnum, http.MethodGet)
		}
	})
}
