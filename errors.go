package hanok

import (
	"errors"
	"fmt"
)

// Kind classifies an Error by what the caller can do about it. The API layer
// maps each kind to one HTTP status, in one place.
type Kind int

// The kinds of error.
const (
	KindInternal       Kind = iota // 500: our fault; the detail goes to the log only
	KindInvalid                    // 400: the request breaks a rule
	KindUnauthorized               // 401: no valid token
	KindForbidden                  // 403: valid token, not allowed (role, policy, quota)
	KindNotFound                   // 404: unknown, or another project's
	KindNotAcceptable              // 406: malformed or unsupported microversion
	KindConflict                   // 409: ambiguous name, or an operation is running
	KindTooLarge                   // 413: body over the limit
	KindTooMany                    // 429: rate limit
	KindNotImplemented             // 501: a feature that is not built yet, by name
	KindUnavailable                // 503: try again later
)

// Error is the error type of every layer. Detail is for the user: what was
// wrong, where, and what to do next; it never holds a secret.
type Error struct {
	Kind   Kind
	Field  string // the request's field at fault ("labels.kube_tag"), or ""
	Detail string
	Err    error // the cause, for the log; may be nil
}

// Error gives the field and the detail, and the cause where there is one.
func (e *Error) Error() string {
	s := e.Detail
	if e.Field != "" {
		s = e.Field + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf gives the kind of the first *Error in err's chain, KindInternal
// where there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}

// Errorf makes an Error of a kind without a field.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

// Invalid makes a KindInvalid error that names the field at fault.
func Invalid(field, format string, args ...any) *Error {
	return &Error{Kind: KindInvalid, Field: field, Detail: fmt.Sprintf(format, args...)}
}

// NotFound makes a KindNotFound error for a resource ("cluster", "flavor").
func NotFound(resource, id string) *Error {
	return &Error{Kind: KindNotFound, Detail: fmt.Sprintf("%s %s could not be found", resource, id)}
}

// NotImplemented makes a KindNotImplemented error that names the feature.
func NotImplemented(field, format string, args ...any) *Error {
	return &Error{Kind: KindNotImplemented, Field: field, Detail: fmt.Sprintf(format, args...)}
}
