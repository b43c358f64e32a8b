// Package apitest holds tests to the API's description: every answer that a
// test receives is checked against it, and which operations were exercised
// is written down.
package apitest

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/hanok/hanok/api"
)

// Operation is one operation of the document.
type Operation struct {
	Method, Path string
	*openapi3.Operation
	// Params are the path's parameters by name, filled in by Find.
	Params map[string]string
}

// Name is "GET /v1/clusters".
func (o Operation) Name() string { return o.Method + " " + o.Path }

// Open tells whether the operation needs no token.
func (o Operation) Open() bool { return o.Security != nil && len(*o.Security) == 0 }

// AnyRole tells whether a reader may do it although it changes something.
func (o Operation) AnyRole() bool { return o.Extensions["x-any-role"] == true }

// MayBeNotBuilt tells whether the document lets the operation answer 501.
func (o Operation) MayBeNotBuilt() bool { return o.Responses.Value("501") != nil }

// Succeeds tells whether the operation can end well at all.
func (o Operation) Succeeds() bool {
	for status := range o.Responses.Map() {
		if status[0] == '2' || status[0] == '3' {
			return true
		}
	}
	return false
}

// document reads the description, once.
var document = sync.OnceValues(func() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(api.Document)
	if err == nil {
		err = doc.Validate(context.Background())
	}
	return doc, err
})

// Operations gives all operations, sorted by path and method; the list must
// not be changed. It panics where the document is not valid, which the
// document's own test says better.
func Operations() []Operation { return operations() }

var operations = sync.OnceValue(func() []Operation {
	doc, err := document()
	if err != nil {
		panic(err)
	}
	var all []Operation
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			all = append(all, Operation{Method: method, Path: path, Operation: op})
		}
	}
	slices.SortFunc(all, func(a, b Operation) int { return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method) })
	return all
})

// find gives the operations of the template that a request's path means: the
// one with the most fixed segments, by method.
func find(path string) (map[string]Operation, map[string]string) {
	best, params := "", map[string]string(nil)
	for _, op := range Operations() {
		if op.Path == best {
			continue
		}
		if p, ok := match(op.Path, path); ok && (best == "" || len(p) < len(params)) {
			best, params = op.Path, p
		}
	}
	found := map[string]Operation{}
	for _, op := range Operations() {
		if op.Path == best && best != "" {
			op.Params = params
			found[op.Method] = op
		}
	}
	return found, params
}

// operationOf gives the operation that a request means. HEAD is GET.
func operationOf(method, path string) (Operation, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	found, _ := find(path)
	op, ok := found[method]
	if !ok && len(found) > 0 {
		// A more general template may have the method: DELETE of a cluster
		// that is named as a fixed segment.
		for _, other := range Operations() {
			if p, fits := match(other.Path, path); fits && other.Method == method {
				other.Params = p
				return other, true
			}
		}
	}
	return op, ok
}

// projectID tells a project from a resource in the paths of compute and volume.
var projectID = regexp.MustCompile(`^[0-9a-fA-F-]{32,36}$`)

// match compares a path with a template. The project in the paths of compute
// and volume may be missing.
func match(template, path string) (map[string]string, bool) {
	want, got := segments(template), segments(path)
	if len(want) > 2 && want[2] == "{project}" {
		if len(got) > 2 && len(got) == len(want)-1 {
			got = slices.Insert(slices.Clone(got), 2, "")
		} else if len(got) == len(want) && !projectID.MatchString(got[2]) {
			return nil, false
		}
	}
	if len(want) != len(got) {
		return nil, false
	}
	params := map[string]string{}
	for i, w := range want {
		name, isParam := strings.CutPrefix(w, "{")
		switch {
		case isParam:
			name = strings.TrimSuffix(name, "}")
			if !versionFits(name, got[i]) {
				return nil, false
			}
			params[name] = got[i]
		case w != got[i]:
			return nil, false
		}
	}
	return params, true
}

// versionFits keeps "/compute/{compute_version}" from standing for anything.
func versionFits(param, value string) bool {
	switch param {
	case "compute_version":
		return value == "v2" || value == "v2.1"
	case "volume_version":
		return value == "v2" || value == "v3"
	}
	return true
}

func segments(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}
