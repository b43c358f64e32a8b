package hanok

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// ReadLabels turns the labels of a request into their string form: strings as
// they are, numbers and booleans by their JSON text, arrays and objects as
// compact JSON. null counts as not sent. An unknown label, or a value of the
// wrong type, is a KindInvalid error that names it.
func ReadLabels(raw map[string]json.RawMessage) (map[string]string, error) {
	labels := make(map[string]string, len(raw))
	for _, name := range sortedNames(raw) {
		field := "labels." + FieldName(name)
		rule, known := labelRules[name]
		if !known {
			return nil, Invalid(field, "is not a known label")
		}
		value := bytes.TrimSpace(raw[name])
		if string(value) == "null" {
			continue
		}
		text, err := labelText(field, rule.form, value)
		if err != nil {
			return nil, err
		}
		labels[name] = text
	}
	return labels, nil
}

func labelText(field string, form labelForm, value []byte) (string, error) {
	switch value[0] {
	case '"':
		var s string
		if err := json.Unmarshal(value, &s); err != nil {
			return "", Invalid(field, "is not a valid string")
		}
		if strings.ContainsRune(s, 0) {
			return "", Invalid(field, "must not contain the character NUL")
		}
		return s, checkLabelForm(field, form, s)
	case '[', '{':
		if form != listForm && form != jsonForm {
			return "", Invalid(field, "must be a string, a number or a boolean, not %s", jsonKind(value))
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, value); err != nil {
			return "", Invalid(field, "is not valid JSON")
		}
		return compact.String(), checkLabelForm(field, form, compact.String())
	default:
		return string(value), checkLabelForm(field, form, string(value))
	}
}

// checkLabelForm checks a label's text against its form. An empty text counts
// as not sent where the label is not required; CheckLabels sees to those.
func checkLabelForm(field string, form labelForm, s string) error {
	if s == "" {
		return nil
	}
	switch form {
	case boolForm:
		if !strings.EqualFold(s, "true") && !strings.EqualFold(s, "false") {
			return Invalid(field, `%s must be "True" or "False"`, Quote(s))
		}
	case intForm:
		if _, err := readInt(s); err != nil {
			return Invalid(field, "%s must be an integer", Quote(s))
		}
	case listForm:
		var list []json.RawMessage
		if json.Unmarshal([]byte(s), &list) != nil || list == nil {
			return Invalid(field, "%s must be an array", Quote(s))
		}
	}
	return nil
}

var intRule = regexp.MustCompile(`^-?[0-9]{1,9}$`)

// readInt reads an integer of at most nine digits, without signs and spaces
// that Atoi or clients disagree about.
func readInt(s string) (int, error) {
	if !intRule.MatchString(s) {
		return 0, strconv.ErrSyntax
	}
	return strconv.Atoi(s)
}

// FieldName gives a user's key as an error may name it: as it is where it is
// a plain word, quoted and bounded otherwise.
func FieldName(key string) string {
	if plainKey.MatchString(key) {
		return key
	}
	return Quote(key)
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_./-]{1,64}$`)

func jsonKind(value []byte) string {
	if len(value) > 0 && value[0] == '[' {
		return "an array"
	}
	return "an object"
}
