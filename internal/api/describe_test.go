package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hanok/hanok/api/apitest"
)

func TestDescription(t *testing.T) {
	t.Parallel()
	h := apitest.Handler(t, NewServer(Config{}))
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "OPTIONS": 204, "POST": 405, "DELETE": 405} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/openapi.yaml", nil))
		if w.Code != want || want == http.StatusOK && w.Header().Get("Content-Type") != "application/yaml" {
			t.Errorf("%s: %d %s", method, w.Code, w.Header())
		}
	}
}
