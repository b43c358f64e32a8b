package hanok

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestReadLabels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ raw, want string }{ // want: the label's text, or "!" and a part of the error
		{`"ca_enable": "False"`, "False"},
		{`"ca_enable": false`, "false"},
		{`"ca_enable": "FALSE"`, "FALSE"},
		{`"ca_enable": "no"`, `!labels.ca_enable: "no" must be "True" or "False"`},
		{`"ca_enable": 0`, "!labels.ca_enable: "},
		{`"boot_volume_size": "20"`, "20"},
		{`"boot_volume_size": 20`, "20"},
		{`"boot_volume_size": 20.5`, "!labels.boot_volume_size: "},
		{`"boot_volume_size": 2e1`, "!labels.boot_volume_size: "},
		{`"boot_volume_size": "20GB"`, "!labels.boot_volume_size: "},
		{`"boot_volume_size": "+20"`, "!labels.boot_volume_size: "},
		{`"boot_volume_size": "99999999999999999999"`, "!labels.boot_volume_size: "},
		{`"boot_volume_size": [20]`, "!labels.boot_volume_size: must be a string, a number or a boolean, not an array"},
		{`"kube_tag": {"a":1}`, "!labels.kube_tag: must be a string, a number or a boolean, not an object"},
		{`"kube_tag": "v1.30.3\u0000"`, "!labels.kube_tag: must not contain the character NUL"},
		{`"extra_volumes": [ {"volume_type": "General HDD", "volume_size": 100} ]`, `[{"volume_type":"General HDD","volume_size":100}]`},
		{`"extra_volumes": "[{\"volume_size\":1}]"`, `[{"volume_size":1}]`},
		{`"extra_volumes": ""`, ""},
		{`"extra_volumes": "x"`, "!labels.extra_volumes: "},
		{`"extra_volumes": {}`, "!labels.extra_volumes: "},
		{`"extra_volumes": "null"`, "!labels.extra_volumes: "},
		{`"mba_scale_out": {"enable": false}`, `{"enable":false}`},
		{`"os_distro": "CentOS"`, "CentOS"},
		{`"user_script": null`, ""},
		{`"no_such_label": "x"`, "!labels.no_such_label: is not a known label"},
		{`"Kube_Tag": "v1.30.3"`, "!labels.Kube_Tag: is not a known label"},
		{`"": "x"`, `!labels."": is not a known label`},
	} {
		var raw map[string]json.RawMessage
		if err := json.Unmarshal([]byte("{"+c.raw+"}"), &raw); err != nil {
			t.Fatal(err)
		}
		labels, err := ReadLabels(raw)
		if part, bad := strings.CutPrefix(c.want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), part) || KindOf(err) != KindInvalid {
				t.Errorf("%s: error %v; want %q", c.raw, err, part)
			}
			continue
		}
		for name := range raw {
			if err != nil || labels[name] != c.want {
				t.Errorf("%s: %q, %v; want %q", c.raw, labels[name], err, c.want)
			}
		}
	}
}

func TestNullLabelIsNotSent(t *testing.T) {
	t.Parallel()
	labels, err := ReadLabels(map[string]json.RawMessage{LabelKubeTag: json.RawMessage(" null ")})
	if err != nil || len(labels) != 0 {
		t.Errorf("got %v, %v", labels, err)
	}
}
