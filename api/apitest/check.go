package apitest

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// exchange is a request and its answer.
type exchange struct {
	Method, Path string // the path without a query
	RequestBody  []byte
	Status       int
	Header       http.Header
	Body         []byte
}

// check compares an answer with the document, and notes which operation was
// exercised. A path or a method that the document lacks may only be refused,
// in the form of its service. Safe for use by many tests at once.
func check(x exchange) error {
	op, known := operationOf(x.Method, x.Path)
	if !known {
		return x.wrap(x.checkUnknown())
	}
	if err := x.check(op); err != nil {
		return x.wrap(err)
	}
	return note(op, x.Status)
}

func (x exchange) check(op Operation) error {
	err := x.checkAnswer(op)
	if err == nil && x.Status < 300 && x.Method != http.MethodHead {
		err = x.checkRequest(op)
	}
	return err
}

func (x exchange) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %d is not as openapi.yaml has it: %w\n%.2000s", x.Method, x.Path, x.Status, err, x.Body)
}

// checkUnknown: OPTIONS is answered everywhere, all else is refused.
func (x exchange) checkUnknown() error {
	siblings, _ := find(x.Path)
	switch {
	case x.Status == http.StatusUnauthorized:
		return x.checkSchema(schema("KeystoneError"))
	case len(siblings) > 0 && x.Method == http.MethodOptions && x.Status == http.StatusNoContent:
		return x.checkAllow()
	case len(siblings) > 0 && x.Status == http.StatusMethodNotAllowed:
		return errors.Join(x.checkAllow(), x.checkSchema(x.serviceError()))
	case x.Status == http.StatusNotFound, x.Status == http.StatusForbidden, x.Status == http.StatusMethodNotAllowed,
		x.Status == http.StatusNotAcceptable, x.Status == http.StatusBadRequest:
		return x.checkSchema(x.serviceError())
	}
	return errors.New("the document lacks this operation")
}

func (x exchange) checkAllow() error {
	if x.Header.Get("Allow") == "" {
		return errors.New("the header Allow is missing")
	}
	return nil
}

// serviceError is the form of errors below the path's prefix.
func (x exchange) serviceError() *openapi3.Schema {
	for prefix, name := range map[string]string{
		"/identity": "KeystoneError", "/compute": "NovaError", "/volume": "NovaError", "/network": "NeutronError", "/image": "GlanceError",
	} {
		if x.Path == prefix || strings.HasPrefix(x.Path, prefix+"/") {
			return schema(name)
		}
	}
	return schema("Error")
}

func schema(name string) *openapi3.Schema {
	doc, err := document()
	if err != nil {
		panic(err)
	}
	return doc.Components.Schemas[name].Value
}

func (x exchange) checkAnswer(op Operation) error {
	ref := op.Responses.Status(x.Status)
	if ref == nil && x.Status >= 400 {
		ref = op.Responses.Default()
	}
	if ref == nil {
		return errors.New("this status is not documented")
	}
	for name, header := range ref.Value.Headers {
		if header.Value.Required && x.Header.Get(name) == "" {
			return fmt.Errorf("the header %s is missing", name)
		}
	}
	if x.Method == http.MethodHead {
		return nil
	}
	if len(ref.Value.Content) == 0 {
		if len(x.Body) > 0 {
			return errors.New("there should be no body")
		}
		return nil
	}
	kind, _, err := mime.ParseMediaType(x.Header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("Content-Type %q: %w", x.Header.Get("Content-Type"), err)
	}
	media := ref.Value.Content[kind]
	if media == nil {
		return fmt.Errorf("the Content-Type %s is not documented", kind)
	}
	if kind != "application/json" {
		return nil
	}
	return x.checkSchema(media.Schema.Value)
}

// checkSchema checks the body, and that it has no field that is not documented.
func (x exchange) checkSchema(s *openapi3.Schema) error {
	if x.Method == http.MethodHead {
		return nil
	}
	var v any
	if err := json.Unmarshal(x.Body, &v); err != nil {
		return fmt.Errorf("the body is no JSON: %w", err)
	}
	if err := s.VisitJSON(v, openapi3.VisitAsResponse(), openapi3.MultiErrors()); err != nil {
		return err
	}
	if extra := undocumented("", s, v); len(extra) > 0 {
		return fmt.Errorf("fields that are not documented: %s", strings.Join(extra, ", "))
	}
	return nil
}

// checkRequest holds a request that was accepted to the document too, so that
// the document forbids nothing that works.
func (x exchange) checkRequest(op Operation) error {
	if len(x.RequestBody) == 0 || op.RequestBody == nil {
		return nil
	}
	media := op.RequestBody.Value.Content["application/json"]
	if media == nil {
		return nil
	}
	var v any
	if err := json.Unmarshal(x.RequestBody, &v); err != nil {
		return fmt.Errorf("the request was accepted, and is no JSON: %w", err)
	}
	if err := media.Schema.Value.VisitJSON(v, openapi3.VisitAsRequest(), openapi3.MultiErrors()); err != nil {
		return fmt.Errorf("the request was accepted: %w", err)
	}
	return nil
}
