package api

import (
	"context"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestDocument: the document is valid OpenAPI, its examples follow their
// schemas, and every operation says where it comes from.
func TestDocument(t *testing.T) {
	t.Parallel()
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(Document)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := doc.Paths.Len(); n < 60 {
		t.Fatalf("only %d paths", n)
	}
	ids := map[string]string{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			name := method + " " + path
			if sources, _ := op.Extensions["x-source"].([]any); len(sources) == 0 {
				t.Errorf("%s does not say where it comes from (x-source)", name)
			}
			if op.Summary == "" || len(op.Tags) == 0 {
				t.Errorf("%s has no summary or no tag", name)
			}
			if other, taken := ids[op.OperationID]; op.OperationID == "" || taken {
				t.Errorf("%s has the operationId %q, as %s", name, op.OperationID, other)
			}
			ids[op.OperationID] = name
			open := op.Security != nil && len(*op.Security) == 0
			if (op.Responses.Value("401") != nil) == open && !strings.HasSuffix(path, "/tokens") {
				t.Errorf("%s needs a token or not, and its 401 says otherwise", name)
			}
			if op.Responses.Default() == nil {
				t.Errorf("%s has no form of errors", name)
			}
		}
	}
}
