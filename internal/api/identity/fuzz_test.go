package identity

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// refusing is an identity that knows nobody.
type refusing struct{}

func (refusing) Authenticate(context.Context, infra.Credentials) (infra.Token, error) {
	return infra.Token{}, hanok.Errorf(hanok.KindUnauthorized, "nobody is known")
}

func (refusing) Validate(context.Context, string) (infra.Token, error) {
	return infra.Token{}, hanok.Errorf(hanok.KindUnauthorized, "no token is known")
}

func (refusing) Revoke(context.Context, string) error { return hanok.NotFound("token", "") }

// FuzzTokenRequests: whatever is sent, the answer blames the sender and does
// not give back what may be a password.
func FuzzTokenRequests(f *testing.F) {
	for _, body := range []string{
		passwordBody("admin", "s3cret", `{"project":{"name":"demo","domain":{"id":"default"}}}`),
		passwordBody("admin", "s3cret", `"unscoped"`),
		`{"auth":{"identity":{"methods":["token"],"token":{"id":"x"}},"scope":{"system":{"all":true}}}}`,
		`{"auth":{"tenantId":"x","passwordCredentials":{"username":"admin","password":"s3cret"}}}`,
		`{"auth":{"identity":{"methods":["password"],"password":{"user":null}}}}`, `{"auth":{"identity":{"methods":[7]}}}`,
		`[]`, `null`, `7`, `{`, "\x00", `{"auth":{"token":{}}}`, `{"auth":{"identity":{"methods":["password"],"password":"s3cret"}}}`,
	} {
		f.Add(body)
	}
	h := New(Config{Identity: refusing{}})
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/identity/v3/auth/tokens", "/identity/v2.0/tokens"} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
			switch w.Code {
			case http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge, http.StatusNotImplemented:
			default:
				t.Errorf("%s answers %d to %q", path, w.Code, body)
			}
			// A method that is not offered is named; all else stays unsaid.
			if w.Code != http.StatusNotImplemented && strings.Contains(w.Body.String(), "s3cret") {
				t.Errorf("%s gives back %q in %s", path, body, w.Body)
			}
		}
	})
}
