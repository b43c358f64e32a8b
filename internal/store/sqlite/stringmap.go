package sqlite

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// parseStringMap reads a JSON object of strings, as toJSON writes labels.
// Labels are most of what is read, and this takes a fifth of the time of
// encoding/json, which gets whatever is out of the ordinary: escapes, and
// texts that toJSON did not write.
func parseStringMap(text string) (map[string]string, error) {
	if m, ok := plainStringMap(text); ok {
		return m, nil
	}
	var m map[string]string
	err := json.Unmarshal([]byte(text), &m)
	return m, err
}

// plainStringMap reads {"k":"v",…} without spaces and escapes; false is
// anything else.
func plainStringMap(text string) (map[string]string, bool) {
	rest, ok := strings.CutPrefix(text, "{")
	if !ok || !plain(rest) {
		return nil, false
	}
	m := make(map[string]string, strings.Count(rest, `":"`))
	if rest == "}" {
		return m, true
	}
	for {
		key, after, ok := plainString(rest)
		if !ok || !strings.HasPrefix(after, ":") {
			return nil, false
		}
		value, after, ok := plainString(after[1:])
		if !ok {
			return nil, false
		}
		m[key] = value
		switch {
		case after == "}":
			return m, true
		case !strings.HasPrefix(after, ","):
			return nil, false
		}
		rest = after[1:]
	}
}

// plain tells whether a JSON text is free of escapes and of what JSON forbids
// in strings.
func plain(text string) bool {
	for i := range len(text) {
		if text[i] == '\\' || text[i] < ' ' {
			return false
		}
	}
	return utf8.ValidString(text)
}

// plainString reads a string without escapes that stands first in text.
func plainString(text string) (value, rest string, ok bool) {
	text, ok = strings.CutPrefix(text, `"`)
	if !ok {
		return "", "", false
	}
	return strings.Cut(text, `"`)
}
