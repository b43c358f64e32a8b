package admission

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hanok/hanok"
)

func TestUserScript(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"contents": "#!/bin/sh\ntrue\n"}`: "#!/bin/sh\ntrue\n", `{"contents": ""}`: "",
	} {
		if got, err := UserScript([]byte(body)); err != nil || got != want {
			t.Errorf("%s: %q, %v", body, got, err)
		}
	}
	long, _ := json.Marshal(map[string]string{"contents": "#!" + strings.Repeat("x", hanok.UserScriptMax)})
	for body, says := range map[string]string{
		``: "body: ", `[]`: "body: ", `{}`: "contents: is missing", `{"contents": null}`: "contents: is missing", `{"contents": 1}`: "contents: must be a string",
		`{"contents": "echo"}`: "contents: its first line", `{"contents": "#!/bin/sh", "x": 1}`: "x: is not a known field", string(long): "contents: has 65538 bytes",
		`{"contents": "#!a\u0000b"}`: "contents: ",
	} {
		if got, err := UserScript([]byte(body)); got != "" && err == nil || hanok.KindOf(err) != hanok.KindInvalid || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%.60s: %v, want %q", body, err, says)
		}
	}
}
