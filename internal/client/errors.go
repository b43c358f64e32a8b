package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Error is an answer that refuses a request.
type Error struct {
	Status    int // HTTP status
	Title     string
	Detail    string
	RequestID string
	Method    string
	URL       string
}

// Error gives the service's own words first, then the call and the request
// id that finds it in the service's log.
func (e *Error) Error() string {
	msg := e.Detail
	if msg == "" {
		msg = e.Title
	}
	if msg == "" {
		msg = http.StatusText(e.Status)
	}
	s := fmt.Sprintf("%s (%s %s: %d", msg, e.Method, e.URL, e.Status)
	if e.RequestID != "" {
		s += ", " + e.RequestID
	}
	return s + ")"
}

// StatusOf gives the HTTP status of the refusal in err's chain, 0 where there
// is none.
func StatusOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// readError reads the error body of any of the services: Magnum's errors
// list, Keystone's error object, Neutron's NeutronError, Nova's keyed object.
func readError(method, url string, resp *http.Response, body []byte) *Error {
	e := &Error{Status: resp.StatusCode, Method: method, URL: url, RequestID: resp.Header.Get("X-Openstack-Request-Id")}
	var answer map[string]json.RawMessage
	if json.Unmarshal(body, &answer) != nil {
		e.Detail = firstLine(string(body))
		return e
	}
	var list []errorBody
	if json.Unmarshal(answer["errors"], &list) == nil && len(list) > 0 {
		list[0].fill(e)
		return e
	}
	for _, raw := range answer {
		var one errorBody
		if json.Unmarshal(raw, &one) == nil && (one.Message != "" || one.Detail != "" || one.Title != "") {
			one.fill(e)
			return e
		}
	}
	return e
}

// errorBody is the union of the services' error shapes.
type errorBody struct {
	Title     string `json:"title"`
	Detail    string `json:"detail"`
	Message   string `json:"message"`
	RequestID string `json:"request_id"`
}

func (b errorBody) fill(e *Error) {
	e.Title, e.Detail = b.Title, b.Detail
	if e.Detail == "" {
		e.Detail = b.Message
	}
	if b.RequestID != "" {
		e.RequestID = b.RequestID
	}
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return s
}
