package respond

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hanok/hanok"
)

// Style is the error shape of one service.
type Style int

// The styles.
const (
	Magnum   Style = iota // {"errors":[{…}]}
	Keystone              // {"error":{code,title,message}}
	Nova                  // {"itemNotFound":{code,message}}
	Cinder                // as Nova
	Neutron               // {"NeutronError":{type,message,detail}}
	Glance                // {"code":"404 Not Found","title",…,"message"}
)

// Status gives the HTTP status of a kind.
func Status(kind hanok.Kind) int {
	switch kind {
	case hanok.KindInvalid:
		return http.StatusBadRequest
	case hanok.KindUnauthorized:
		return http.StatusUnauthorized
	case hanok.KindForbidden:
		return http.StatusForbidden
	case hanok.KindNotFound:
		return http.StatusNotFound
	case hanok.KindNotAcceptable:
		return http.StatusNotAcceptable
	case hanok.KindConflict:
		return http.StatusConflict
	case hanok.KindTooLarge:
		return http.StatusRequestEntityTooLarge
	case hanok.KindTooMany:
		return http.StatusTooManyRequests
	case hanok.KindNotImplemented:
		return http.StatusNotImplemented
	case hanok.KindUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// Error answers with an error in a service's shape. What is no *hanok.Error,
// or one of KindInternal, shows only the request id; its text is for the
// access log. Causes (Err) are never shown.
func Error(w http.ResponseWriter, r *http.Request, style Style, err error) {
	if c := callOf(r.Context()); c != nil {
		c.setErr(err)
	}
	status, detail := classify(r.Context(), err)
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	if status == http.StatusUnauthorized {
		unauthorized(w, r, detail)
		return
	}
	JSON(w, status, body(style, status, detail, requestID(r.Context())))
}

// MethodNotAllowed answers 405 and names the methods that the path knows.
func MethodNotAllowed(w http.ResponseWriter, r *http.Request, style Style, allowed ...string) {
	allow := strings.Join(allowed, ", ")
	w.Header().Set("Allow", allow)
	detail := fmt.Sprintf("%s is not a method of %s; use %s", r.Method, r.URL.Path, allow)
	JSON(w, http.StatusMethodNotAllowed, body(style, http.StatusMethodNotAllowed, detail, requestID(r.Context())))
}

// Options answers OPTIONS with the methods that the path knows.
func Options(w http.ResponseWriter, methods ...string) {
	all := append([]string{http.MethodOptions}, methods...)
	if slices.Contains(all, http.MethodGet) {
		all = append(all, http.MethodHead)
	}
	slices.Sort(all)
	w.Header().Set("Allow", strings.Join(slices.Compact(all), ", "))
	NoContent(w)
}

// classify gives the status and the text that the user may see.
func classify(ctx context.Context, err error) (int, string) {
	var e *hanok.Error
	switch {
	case errors.As(err, &e) && e.Kind != hanok.KindInternal:
		detail := e.Detail
		if e.Field != "" {
			detail = e.Field + ": " + detail
		}
		return Status(e.Kind), detail
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable, "the request took too long; try again"
	}
	detail := "the service failed to handle the request; its log has the reason"
	if id := requestID(ctx); id != "" {
		detail += " under request id " + id
	}
	return http.StatusInternalServerError, detail
}

// unauthorized is what keystonemiddleware answers, whatever the service.
func unauthorized(w http.ResponseWriter, r *http.Request, detail string) {
	w.Header().Set("WWW-Authenticate", fmt.Sprintf("Keystone uri=%q", BaseURL(r)+"/identity"))
	JSON(w, http.StatusUnauthorized, body(Keystone, http.StatusUnauthorized, detail, ""))
}
