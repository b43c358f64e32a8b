// Package request reads what identity and catalogue are sent. Container-infra
// reads more strictly (package admission).
package request

import (
	"encoding/json"
	"errors"
	"net/http"
	"unicode/utf8"

	"github.com/hanok/hanok"
)

// MaxBody is the largest body in bytes.
const MaxBody = 64 << 10

// JSON decodes a request's body into a struct. Fields that are not known are
// left alone, as OpenStack does: clients send more than is needed. Errors name
// the field, "body" for the whole, and quote nothing of what was sent: it may
// be a password.
func JSON(w http.ResponseWriter, r *http.Request, into any) error {
	b, err := Body(w, r, MaxBody)
	if err != nil {
		return err
	}
	if !utf8.Valid(b) {
		return hanok.Invalid("body", "is not valid UTF-8")
	}
	if err := json.Unmarshal(b, into); err != nil {
		var wrongType *json.UnmarshalTypeError
		if !errors.As(err, &wrongType) {
			return hanok.Invalid("body", "is no JSON object as the API describes it")
		}
		field := wrongType.Field
		if field == "" {
			field = "body"
		}
		return hanok.Invalid(field, "is of the wrong JSON type, %s", kindOf(wrongType.Value))
	}
	return nil
}

// kindOf gives the decoder's name of a value's type without the value, which
// it adds to numbers.
func kindOf(value string) string {
	for _, kind := range []string{"number", "string", "bool", "array", "object"} {
		if len(value) >= len(kind) && value[:len(kind)] == kind {
			return kind
		}
	}
	return "another"
}
