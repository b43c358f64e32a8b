package sqlite

import (
	"encoding/json"
	"maps"
	"testing"
)

func TestParseStringMap(t *testing.T) {
	t.Parallel()
	for _, m := range []map[string]string{
		nil, {}, {"a": ""}, {"": "b"}, {"kube_tag": "v1.30.3", "ca_enable": "false"},
		{"quote": `"`, "backslash": `\`, "html": "<&>", "newline": "a\nb", "한옥": "집", "brace": `{"a":"b"}`, "comma": "a,b:c"},
	} {
		got, err := parseStringMap(toJSON(m))
		if err != nil || !maps.Equal(got, m) || (got == nil) != (m == nil) {
			t.Errorf("%v comes back as %v, %v", m, got, err)
		}
	}
}

// Whatever the text is, the answer is encoding/json's.
func FuzzParseStringMap(f *testing.F) {
	for _, text := range []string{
		"", "null", "{", "{}", "{} ", `{"a":"b"}`, `{"a":"b",}`, `{"a":"b"}}`, `{"a" : "b"}`, `{"a":1}`, `{"a":"b","a":"c"}`,
		`{"a":"b","c"}`, `{"a":"b""c":"d"}`, `{"a":"\u003c"}`, "{\"a\":\"\x01\"}", "{\"a\":\"\xff\"}", `["a"]`, `{"a":{"b":"c"}}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want map[string]string
		wantErr := json.Unmarshal([]byte(text), &want)
		got, err := parseStringMap(text)
		if (err == nil) != (wantErr == nil) || wantErr == nil && !maps.Equal(got, want) {
			t.Errorf("%q is %v, %v; want %v, %v", text, got, err, want, wantErr)
		}
	})
}

const benchLabels = `{"availability_zone":"kr-pub-a","boot_volume_size":"20","boot_volume_type":"General HDD","ca_enable":"false",` +
	`"cert_manager_api":"True","external_network_id":"a8b96351-2e15-55af-81d7-fdfc2abac6e1","kube_tag":"v1.30.3","node_image":"bc1b66c6"}`

func BenchmarkParseStringMap(b *testing.B) {
	b.Run("here", func(b *testing.B) {
		for b.Loop() {
			if _, err := parseStringMap(benchLabels); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		for b.Loop() {
			var m map[string]string
			if err := json.Unmarshal([]byte(benchLabels), &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
