package apitest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Answer is a response, read.
type Answer struct {
	Status int
	Header http.Header
	Raw    string
	Body   map[string]any // nil without a body
}

// Ask sends a request and reads its answer, which has no body or a JSON
// object. headers are pairs of names and values.
func Ask(t testing.TB, method, url, body string, headers ...string) Answer {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	ok(err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	ok(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	ok(err)
	a := Answer{Status: resp.StatusCode, Header: resp.Header, Raw: string(b)}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &a.Body); err != nil {
			t.Fatalf("%s %s: %d with the body %q: %v", method, url, a.Status, b, err)
		}
	}
	return a
}

// At follows a path of keys and indices, separated by slashes, into the body; it
// gives nil where the path ends before.
func (a Answer) At(path string) any {
	var v any = a.Body
	for key := range strings.SplitSeq(path, "/") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			i := int(key[0] - '0')
			if i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}
