package admission

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/hanok/hanok"
)

// maxDepth bounds the nesting of a request's JSON; the guides' requests need five.
const maxDepth = 16

// object is a request's JSON object before its fields are read.
type object map[string]json.RawMessage

// parseObject reads a request body as one JSON object. Beyond what
// encoding/json refuses it refuses invalid UTF-8, keys that repeat, deep
// nesting and anything after the object: two readers must never understand
// the same request differently.
func parseObject(body []byte) (object, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, hanok.Invalid("body", "is empty; send a JSON object")
	}
	if !utf8.Valid(body) {
		return nil, hanok.Invalid("body", "is not valid UTF-8")
	}
	if err := scan(body); err != nil {
		return nil, err
	}
	var o object
	if err := json.Unmarshal(body, &o); err != nil || o == nil {
		return nil, hanok.Invalid("body", "must be a JSON object")
	}
	return o, nil
}

// level is one open object or array of a scan.
type level struct {
	keys    map[string]bool // nil in an array
	wantKey bool
}

// scan walks the tokens of a body.
func scan(body []byte) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var open []level
	values := 0
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && len(open) == 0 && values > 0 {
			return nil
		}
		if err != nil {
			return hanok.Invalid("body", "is not valid JSON at byte %d: %s", dec.InputOffset(), jsonFault(err))
		}
		if len(open) == 0 {
			if values++; values > 1 {
				return hanok.Invalid("body", "has more than one JSON value, at byte %d", dec.InputOffset())
			}
		}
		if n := len(open); n > 0 && open[n-1].wantKey {
			if key, ok := token.(string); ok {
				if open[n-1].keys[key] {
					return hanok.Invalid("body", "has the key %s twice in one object", hanok.Quote(key))
				}
				open[n-1].keys[key] = true
				open[n-1].wantKey = false
				continue
			}
		}
		switch token {
		case json.Delim('{'):
			open = append(open, level{keys: map[string]bool{}, wantKey: true})
		case json.Delim('['):
			open = append(open, level{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
			closeValue(open)
		default:
			closeValue(open)
		}
		if len(open) > maxDepth {
			return hanok.Invalid("body", "is nested more than %d levels deep", maxDepth)
		}
	}
}

// closeValue notes that a value of the innermost object is complete.
func closeValue(open []level) {
	if n := len(open); n > 0 && open[n-1].keys != nil {
		open[n-1].wantKey = true
	}
}

func jsonFault(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	return err.Error()
}

// onlyKnown refuses fields that are not in known, by name.
func (o object) onlyKnown(known []string) error {
	var unknown []string
	for name := range o {
		if !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return hanok.Invalid(hanok.FieldName(unknown[0]), "is not a known field")
}

// sent tells whether a field is there and not null.
func (o object) sent(field string) bool {
	v := bytes.TrimSpace(o[field])
	return len(v) > 0 && string(v) != "null"
}

// text reads a required string.
func (o object) text(field string) (string, error) {
	if !o.sent(field) {
		return "", hanok.Invalid(field, "is missing")
	}
	var s string
	if json.Unmarshal(o[field], &s) != nil {
		return "", hanok.Invalid(field, "must be a string")
	}
	if s == "" {
		return "", hanok.Invalid(field, "must not be empty")
	}
	return s, nil
}

var integerRule = regexp.MustCompile(`^-?[0-9]{1,9}$`)

// integer reads a number that comes as a JSON integer or as a string.
func (o object) integer(field string) (int, error) {
	if !o.sent(field) {
		return 0, hanok.Invalid(field, "is missing")
	}
	s := string(bytes.TrimSpace(o[field]))
	if s[0] == '"' && json.Unmarshal(o[field], &s) != nil {
		return 0, hanok.Invalid(field, "must be an integer")
	}
	if !integerRule.MatchString(s) {
		return 0, hanok.Invalid(field, "must be an integer")
	}
	return strconv.Atoi(s)
}

// bounded reads an integer between least and most.
func (o object) bounded(field string, least, most int) (int, error) {
	n, err := o.integer(field)
	if err == nil && (n < least || n > most) {
		err = hanok.Invalid(field, "%d is out of bounds; it must be %d to %d", n, least, most)
	}
	return n, err
}

// uuid reads a required UUID.
func (o object) uuid(field string) (string, error) {
	s, err := o.text(field)
	if err == nil && !hanok.IsUUID(s) {
		err = hanok.Invalid(field, "%s must be a UUID", hanok.Quote(s))
	}
	return s, err
}
