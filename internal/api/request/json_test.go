package request

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hanok/hanok"
)

func TestJSON(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{ // the error; "" is none
		`{"auth":{"name":"x"}}`:                     "",
		`{"auth":{"name":"x","more":1},"other":[]}`: "",
		`null`:                           "",
		`{"auth":{"name":7}}`:            "auth.name: is of the wrong JSON type, number",
		`{"auth":[]}`:                    "auth: is of the wrong JSON type, array",
		`[]`:                             "body: is of the wrong JSON type, array",
		`"s3cret"`:                       "body: is of the wrong JSON type, string",
		``:                               "body: is no JSON object as the API describes it",
		`{`:                              "body: is no JSON object as the API describes it",
		"{\"auth\":{\"name\":\"\xff\"}}": "body: is not valid UTF-8",
		`{"x":"` + strings.Repeat("x", MaxBody) + `"}`: "body: is larger than 65536 bytes",
	} {
		var into struct{ Auth struct{ Name string } }
		err := JSON(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(body)), &into)
		got := ""
		if err != nil {
			got = err.Error()
		}
		// Go's name of a field is its key here.
		if !strings.EqualFold(got, want) {
			t.Errorf("%.60s: %q, want %q", body, got, want)
		}
		if kind := hanok.KindOf(err); err != nil && kind != hanok.KindInvalid && kind != hanok.KindTooLarge {
			t.Errorf("%.60s: kind %d", body, kind)
		}
	}
}
