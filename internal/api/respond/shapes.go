package respond

import (
	"fmt"
	"net/http"
	"strings"
)

type magnumErrors struct {
	Errors []magnumError `json:"errors"`
}

type magnumError struct {
	RequestID string `json:"request_id"`
	Code      string `json:"code"` // "client" or "server"
	Status    int    `json:"status"`
	Title     string `json:"title"`
	Detail    string `json:"detail"`
	Links     []any  `json:"links"`
}

type keystoneError struct {
	Error struct {
		Code    int    `json:"code"`
		Title   string `json:"title"`
		Message string `json:"message"`
	} `json:"error"`
}

type fault struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

type neutronError struct {
	NeutronError struct {
		Type    string `json:"type"`
		Message string `json:"message"`
		Detail  string `json:"detail"`
	} `json:"NeutronError"`
}

type glanceError struct {
	Code    string `json:"code"`
	Title   string `json:"title"`
	Message string `json:"message"`
}

// body gives the error body of a style.
func body(style Style, status int, detail, requestID string) any {
	title := http.StatusText(status)
	switch style {
	case Keystone:
		var b keystoneError
		b.Error.Code, b.Error.Title, b.Error.Message = status, title, detail
		return b
	case Nova, Cinder:
		return map[string]fault{faultName(status): {Code: status, Message: detail}}
	case Neutron:
		var b neutronError
		b.NeutronError.Type, b.NeutronError.Message = neutronType(status), detail
		return b
	case Glance:
		return glanceError{Code: fmt.Sprintf("%d %s", status, title), Title: title, Message: detail}
	default:
		code := "client"
		if status >= 500 {
			code = "server"
		}
		return magnumErrors{Errors: []magnumError{{
			RequestID: requestID, Code: code, Status: status, Title: magnumTitle(detail), Detail: detail, Links: []any{},
		}}}
	}
}

// magnumTitle is what `openstack coe` prints of an error, and all that it
// prints: so it is the detail, cut to a line.
func magnumTitle(detail string) string {
	const most = 300
	if len(detail) > most {
		return strings.ToValidUTF8(detail[:most], "") + "…"
	}
	return detail
}

// faultName is the key that Nova and Cinder put an error under.
func faultName(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "badRequest"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "itemNotFound"
	case http.StatusMethodNotAllowed:
		return "badMethod"
	case http.StatusConflict:
		return "conflictingRequest"
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return "overLimit"
	case http.StatusNotImplemented:
		return "notImplemented"
	case http.StatusServiceUnavailable:
		return "serviceUnavailable"
	default:
		return "computeFault"
	}
}

// neutronType is the exception name in Neutron's errors.
func neutronType(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "BadRequest"
	case http.StatusForbidden:
		return "PolicyNotAuthorized"
	case http.StatusNotFound:
		return "HTTPNotFound"
	case http.StatusMethodNotAllowed:
		return "HTTPMethodNotAllowed"
	case http.StatusConflict:
		return "Conflict"
	case http.StatusNotImplemented:
		return "HTTPNotImplemented"
	case http.StatusServiceUnavailable:
		return "ServiceUnavailable"
	default:
		return "HTTPInternalServerError"
	}
}
