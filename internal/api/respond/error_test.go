package respond

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hanok/hanok"
)

// answerTo gives what Error writes within a call.
func answerTo(style Style, err error) (*httptest.ResponseRecorder, *Call) {
	r := httptest.NewRequest(http.MethodGet, "http://cloud.example:9511/v1/clusters", nil)
	ctx, call := NewCall(r.Context(), "")
	w := httptest.NewRecorder()
	Error(w, r.WithContext(ctx), style, err)
	return w, call
}

func TestEveryKindHasItsStatus(t *testing.T) {
	t.Parallel()
	for kind, want := range map[hanok.Kind]int{
		hanok.KindInternal: 500, hanok.KindInvalid: 400, hanok.KindUnauthorized: 401, hanok.KindForbidden: 403,
		hanok.KindNotFound: 404, hanok.KindNotAcceptable: 406, hanok.KindConflict: 409, hanok.KindTooLarge: 413,
		hanok.KindTooMany: 429, hanok.KindNotImplemented: 501, hanok.KindUnavailable: 503,
	} {
		w, _ := answerTo(Magnum, fmt.Errorf("wrapped: %w", hanok.Errorf(kind, "text")))
		if w.Code != want || Status(kind) != want {
			t.Errorf("kind %d: %d, want %d", kind, w.Code, want)
		}
		if got := w.Header().Get("Retry-After"); (got != "") != (want == 429 || want == 503) {
			t.Errorf("%d: Retry-After %q", want, got)
		}
	}
}

func TestErrorShapes(t *testing.T) {
	t.Parallel()
	bad, absent := hanok.Invalid("name", "is missing"), hanok.NotFound("flavor", "x")
	for _, c := range []struct {
		style Style
		err   error
		want  string // ID stands for the request id
	}{
		{Magnum, bad, `{"errors":[{"request_id":"ID","code":"client","status":400,"title":"name: is missing","detail":"name: is missing","links":[]}]}`},
		{Magnum, hanok.NotImplemented("addons", "is not built"), `{"errors":[{"request_id":"ID","code":"server","status":501,"title":"addons: is not built","detail":"addons: is not built","links":[]}]}`},
		{Keystone, absent, `{"error":{"code":404,"title":"Not Found","message":"flavor x could not be found"}}`},
		{Nova, absent, `{"itemNotFound":{"code":404,"message":"flavor x could not be found"}}`},
		{Cinder, bad, `{"badRequest":{"code":400,"message":"name: is missing"}}`},
		{Neutron, absent, `{"NeutronError":{"type":"HTTPNotFound","message":"flavor x could not be found","detail":""}}`},
		{Glance, absent, `{"code":"404 Not Found","title":"Not Found","message":"flavor x could not be found"}`},
		{Nova, hanok.Errorf(hanok.KindUnauthorized, "who?"), `{"error":{"code":401,"title":"Unauthorized","message":"who?"}}`},
	} {
		w, call := answerTo(c.style, c.err)
		want := strings.ReplaceAll(c.want, "ID", call.ID())
		if got := strings.TrimSpace(w.Body.String()); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("content type %q", w.Header().Get("Content-Type"))
		}
	}
}

func TestInternalErrorsShowOnlyTheRequestID(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		errors.New("dial /run/secret.sock"),
		&hanok.Error{Kind: hanok.KindInternal, Detail: "key file /secret", Err: errors.New("secret")},
	} {
		w, call := answerTo(Magnum, err)
		if w.Code != 500 || strings.Contains(w.Body.String(), "secret") || !strings.Contains(w.Body.String(), call.ID()) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if !errors.Is(call.Err(), err) {
			t.Errorf("the log would have %v", call.Err())
		}
	}
}

func TestCausesAreNotShown(t *testing.T) {
	t.Parallel()
	w, _ := answerTo(Magnum, &hanok.Error{Kind: hanok.KindUnavailable, Detail: "no room", Err: errors.New("secret")})
	if w.Code != 503 || strings.Contains(w.Body.String(), "secret") || !strings.Contains(w.Body.String(), "no room") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestTimeoutIsUnavailable(t *testing.T) {
	t.Parallel()
	w, _ := answerTo(Magnum, fmt.Errorf("read: %w", context.DeadlineExceeded))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "too long") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestUnauthorizedNamesTheIdentityService(t *testing.T) {
	t.Parallel()
	w, _ := answerTo(Magnum, hanok.Errorf(hanok.KindUnauthorized, "who?"))
	if got := w.Header().Get("WWW-Authenticate"); got != `Keystone uri="http://cloud.example:9511/identity"` {
		t.Errorf("WWW-Authenticate: %s", got)
	}
}

func TestMethodNotAllowed(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	MethodNotAllowed(w, httptest.NewRequest(http.MethodPut, "/v1/supports", nil), Magnum, "GET", "POST")
	if w.Code != 405 || w.Header().Get("Allow") != "GET, POST" || !strings.Contains(w.Body.String(), "PUT is not a method of /v1/supports") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestJSONThatCannotBeEncodedIsA500(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	JSON(w, http.StatusOK, map[string]any{"f": func() {}})
	if w.Code != 500 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	JSON(w, http.StatusAccepted, map[string]string{"config": "a<b>&c\n"})
	var back map[string]string
	if w.Code != 202 || json.Unmarshal(w.Body.Bytes(), &back) != nil || back["config"] != "a<b>&c\n" || !strings.Contains(w.Body.String(), "a<b>&c") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestBaseURL(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/v1", nil)
	r.Host = "10.0.0.1:9511"
	if got := BaseURL(r); got != "http://10.0.0.1:9511" {
		t.Errorf("from the request: %s", got)
	}
	secure := httptest.NewRequest(http.MethodGet, "https://k8s.example/v1", nil)
	if got := BaseURL(secure); got != "https://k8s.example" {
		t.Errorf("over TLS: %s", got)
	}
	ctx, call := NewCall(r.Context(), "https://k8s.example/")
	if got := BaseURL(r.WithContext(ctx)); got != "https://k8s.example" {
		t.Errorf("configured: %s", got)
	}
	if requestID(ctx) != call.ID() || !strings.HasPrefix(call.ID(), "req-") || requestID(context.Background()) != "" {
		t.Errorf("request id %q", call.ID())
	}
}
