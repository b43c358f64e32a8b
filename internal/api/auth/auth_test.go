package auth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

// users is an identity service that knows a token per role.
type users map[string][]string

func (u users) Validate(_ context.Context, id string) (infra.Token, error) {
	if id == "broken" {
		return infra.Token{}, errors.New("no database")
	}
	roles, ok := u[id]
	if !ok {
		return infra.Token{}, hanok.Errorf(hanok.KindUnauthorized, "token %s was revoked", id)
	}
	return infra.Token{ID: id, UserID: "u1", ProjectID: "p1", ProjectName: "demo", Roles: roles}, nil
}

func (users) Authenticate(context.Context, infra.Credentials) (infra.Token, error) {
	return infra.Token{}, errors.New("not asked for")
}
func (users) Revoke(context.Context, string) error { return errors.New("not asked for") }

func TestRequire(t *testing.T) {
	t.Parallel()
	identity := users{"admin": {"admin"}, "member": {"reader", "member"}, "reader": {"reader"}, "none": nil}
	for _, c := range []struct {
		method, token string
		want          int
	}{
		{"GET", "", 401}, {"GET", "stale", 401}, {"POST", "stale", 401}, {"GET", "broken", 500},
		{"GET", "admin", 200}, {"POST", "admin", 200}, {"DELETE", "member", 200}, {"PATCH", "member", 200},
		{"GET", "reader", 200}, {"HEAD", "reader", 200}, {"POST", "reader", 403}, {"PUT", "reader", 403}, {"PATCH", "reader", 403}, {"DELETE", "reader", 403},
		{"GET", "none", 200}, {"POST", "none", 403},
	} {
		reached := false
		h := Require(identity, respond.Magnum, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			reached = true
			if got := Token(r.Context()); got.ID != c.token || got.ProjectID != "p1" {
				t.Errorf("token in the context: %+v", got)
			}
		}))
		r := httptest.NewRequest(c.method, "/v1/clusters", nil)
		ctx, call := respond.NewCall(r.Context(), "")
		if c.token != "" {
			r.Header.Set("X-Auth-Token", c.token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(ctx))
		if w.Code != c.want || reached != (c.want == 200) {
			t.Errorf("%s as %q: %d, reached %v; want %d", c.method, c.token, w.Code, reached, c.want)
		}
		if c.want == 401 {
			if !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Keystone uri=") || !strings.Contains(w.Body.String(), `"error":{"code":401,"title":"Unauthorized"`) {
				t.Errorf("401 without keystonemiddleware's shape: %v %s", w.Header(), w.Body)
			}
			if strings.Contains(w.Body.String(), "stale") {
				t.Errorf("the answer repeats the token: %s", w.Body)
			}
		}
		if user, project := call.Caller(); (c.want == 200 || c.want == 403) && (user != "u1" || project != "p1") {
			t.Errorf("the log would have %q of %q", user, project)
		}
	}
}

func TestTokenOutsideOfRequire(t *testing.T) {
	t.Parallel()
	if got := Token(context.Background()); got.ID != "" || MayWrite(got) {
		t.Errorf("got %+v", got)
	}
}
