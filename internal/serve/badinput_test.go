package serve

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hanok/hanok/api/apitest"
)

// badBodies are no good request of anything.
var badBodies = []string{
	"", " ", "{", "[]", "[{}]", "[7]", "null", "7", `"x"`, "{}", `{"no_such_field":1}`, "\xff\xfe", `{"name":"` + "\xff" + `"}`, "\ufeff{}", "{}{}", "{} x",
	strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000), strings.Repeat("[", 100000), `{"\u0000":1}`, `{"a":1,"a":2}`,
	`{"x":"` + strings.Repeat("x", 2<<20) + `"}`, "a=b&c=d", "<xml/>", `{"name":1e999}`,
}

// badValues take the place of each field of a good request.
var badValues = []any{
	nil, "", " ", "x", "\x00", "a\x00b", "\u202e한옥", strings.Repeat("z", 300000), -1, 0, 1.5, 1e300, json.Number("99999999999999999999"),
	true, false, []any{}, []any{nil}, []any{map[string]any{}}, map[string]any{}, map[string]any{"x": []any{1}}, "99999999-9999-4999-8999-999999999999",
	"'; DROP TABLE clusters; --", "../../etc/passwd", "%s%n%d", "${jndi:x}",
}

// badSegments take the place of each parameter of a path.
var badSegments = []string{
	"%00", "%ff", "a%2Fb", "..%2f..", "%20", "%0a", "none", "'%3B--", "%ED%95%9C%EC%98%A5", strings.Repeat("x", 5000), "99999999-9999-4999-8999-999999999999", "{cluster}", "*",
}

var badQueries = []string{
	"limit=-1", "limit=0", "limit=x", "limit=99999999999999999999", "limit=1&limit=x", "marker=x", "marker=%00", "marker=%ff", "sort_key=no_such",
	"sort_key=%00", "sort_dir=up", "sort_dir=%ff", "no_such=1", "%zz", "a;b", "all_tenants=x", "project_id=x", "role=%00", "name=%ff", "minRam=x", "name=%5B", "ip=(", "fields=%00", "fields=no_such",
	"id=in:a,b", "size_min=x", "size_max=99999999999999999999",
}

// TestBadInput: no input makes a 500 or a panic; what is refused changes
// nothing, and a 400 names the field.
func TestBadInput(t *testing.T) {
	t.Parallel()
	for name, try := range map[string]func(*badInput, apitest.Operation){
		"bodies": (*badInput).bodies, "fields": (*badInput).fields, "paths": (*badInput).paths, "queries": (*badInput).queries,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &badInput{apiRig: newAPIRig(t)}
			b.renew()
			for _, op := range apitest.Operations() {
				try(b, op)
			}
			if b.sent < 100 {
				t.Errorf("only %d requests were sent", b.sent)
			}
		})
	}
}

// badInput sends requests about one target, a new one after each that was
// accepted.
type badInput struct {
	*apiRig
	goal   target
	before string
	sent   int
}

func (b *badInput) renew() {
	b.setQuota() // a quota may be what was changed
	b.goal = b.target()
	b.before = b.state()
}

func (b *badInput) bodies(op apitest.Operation) {
	if op.RequestBody == nil || op.RequestBody.Value.Content["application/json"] == nil {
		return
	}
	for _, body := range badBodies {
		b.try(op, b.goal.path(b.apiRig, op), body)
	}
}

func (b *badInput) fields(op apitest.Operation) {
	var good any
	if op.RequestBody == nil || json.Unmarshal([]byte(b.goal.body(op)), &good) != nil {
		return
	}
	if strings.HasPrefix(op.Path, "/identity/") && op.Method == http.MethodPost && op.Open() {
		return // a wrong password costs time; that handler has a fuzz test
	}
	for _, change := range places(good) {
		for _, value := range badValues {
			raw, err := json.Marshal(change(value))
			must(b.T, err)
			b.try(op, b.goal.path(b.apiRig, op), string(raw))
		}
	}
}

// places gives, for each field at any depth of a value, the function that
// gives the value with another one in that place.
func places(v any) []func(any) any {
	var all []func(any) any
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			with := func(x any) any {
				c := maps.Clone(v)
				c[name] = x
				return c
			}
			all = append(all, with)
			for _, deeper := range places(v[name]) {
				all = append(all, func(x any) any { return with(deeper(x)) })
			}
		}
	case []any:
		for i := range v {
			with := func(x any) any {
				c := slices.Clone(v)
				c[i] = x
				return c
			}
			all = append(all, with)
			for _, deeper := range places(v[i]) {
				all = append(all, func(x any) any { return with(deeper(x)) })
			}
		}
	}
	return all
}

func (b *badInput) paths(op apitest.Operation) {
	for _, param := range pathParam.FindAllString(op.Path, -1) {
		name := strings.Trim(param, "{}")
		for _, segment := range badSegments {
			good := b.goal.params[name]
			b.goal.params[name] = segment
			path := b.goal.path(b.apiRig, op)
			b.goal.params[name] = good
			b.try(op, path, b.goal.body(op))
		}
	}
}

func (b *badInput) queries(op apitest.Operation) {
	if op.Method != http.MethodGet || op.Path == "/metrics" {
		return
	}
	for _, query := range badQueries {
		b.try(op, b.goal.path(b.apiRig, op)+"?"+query, "")
	}
}

// namesField is how an error begins that names the field at fault.
var namesField = regexp.MustCompile(`^("[^"]*"…?|[A-Za-z0-9_./\-\[\]:, ]+)+: `)

func (b *badInput) try(op apitest.Operation, path, body string) {
	b.Helper()
	b.sent++
	a := b.call(b.admin, op.Method, path, body, "X-Subject-Token", "no-such-token")
	about := func() string { return op.Method + " " + shorten(path) + " " + shorten(body) }
	if a.status >= 500 && a.status != http.StatusNotImplemented && a.status != http.StatusServiceUnavailable {
		b.Errorf("%s: %d %s", about(), a.status, a.raw)
	}
	if a.status == http.StatusBadRequest || a.status == http.StatusRequestEntityTooLarge {
		if detail := a.detail(); !namesField.MatchString(detail) {
			b.Errorf("%s: %d %q names no field", about(), a.status, detail)
		}
	}
	if a.status < 300 {
		if changes(op) {
			b.renew()
		}
		return
	}
	if after := b.state(); after != b.before {
		b.Errorf("%s: %d, and the state changed\nfrom %s\nto   %s", about(), a.status, b.before, after)
		b.renew()
	}
}

// detail is the text of an error in any service's form.
func (a rigAnswer) detail() string {
	var body struct {
		Errors  []struct{ Detail string }
		Message string
	}
	if json.Unmarshal([]byte(a.raw), &body) == nil && len(body.Errors) == 1 {
		return body.Errors[0].Detail
	}
	if body.Message != "" {
		return body.Message
	}
	var wrapped map[string]json.RawMessage
	var inner struct{ Message string }
	_ = json.Unmarshal([]byte(a.raw), &wrapped) // what is no error has no detail
	for _, raw := range wrapped {
		_ = json.Unmarshal(raw, &inner)
	}
	return inner.Message
}

func shorten(s string) string {
	const most = 300
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
