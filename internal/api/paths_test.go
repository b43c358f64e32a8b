package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPlainPaths(t *testing.T) {
	t.Parallel()
	h := NewServer(Config{Magnum: says("magnum"), Services: map[string]http.Handler{"/identity": says("identity")}})
	for path, want := range map[string]string{ // "" is 404
		"/v1/clusters":             "magnum /v1/clusters",
		"//v1///clusters/":         "magnum /v1/clusters/",
		"/identity//v3/":           "identity /identity/v3/",
		"/v1/clusters/%2e%2e/x":    "",
		"/v1/clusters/../x":        "",
		"/v1/clusters/a%2Fb":       "",
		"/v1/clusters/..%2f..":     "",
		"/identity/../v1/clusters": "",
		"/v1/clusters/%ED%95%9C//": "magnum /v1/clusters/한/",
		"/v1/clusters/a..b/...":    "magnum /v1/clusters/a..b/...",
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if want == "" {
			if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "there is nothing at") {
				t.Errorf("%s: %d %s, want 404", path, w.Code, w.Body)
			}
		} else if w.Body.String() != want {
			t.Errorf("%s: %d %q, want %q", path, w.Code, w.Body, want)
		}
	}
}
