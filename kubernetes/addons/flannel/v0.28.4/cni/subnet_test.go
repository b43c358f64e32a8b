package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const env = "FLANNEL_NETWORK=10.100.0.0/16\nFLANNEL_SUBNET=10.100.3.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n"

func TestDelegateConf(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "subnet.env")
	if err := os.WriteFile(path, []byte(env), 0o600); err != nil {
		t.Fatal(err)
	}
	subnet, err := readSubnet(path)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, conf, kind string
		want             map[string]any
	}{
		{
			"bridge by default",
			`{"cniVersion":"1.0.0","name":"cbr0","type":"flannel","delegate":{"hairpinMode":true,"isDefaultGateway":true}}`,
			"bridge",
			map[string]any{"type": "bridge", "mtu": 1450.0, "ipMasq": false, "hairpinMode": true, "isDefaultGateway": true, "isGateway": true},
		},
		{
			"the user's word comes first",
			`{"cniVersion":"1.0.0","name":"cbr0","type":"flannel","delegate":{"type":"ipvlan","mtu":1400},"runtimeConfig":{"mac":"x"}}`,
			"ipvlan",
			map[string]any{"type": "ipvlan", "mtu": 1400.0, "ipMasq": false, "runtimeConfig": map[string]any{"mac": "x"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := readConf([]byte(tt.conf))
			if err != nil {
				t.Fatal(err)
			}
			raw, kind, err := delegateConf(c, subnet)
			if err != nil || kind != tt.kind {
				t.Fatalf("delegateConf = %q, %v", kind, err)
			}
			tt.want["cniVersion"], tt.want["name"] = "1.0.0", "cbr0"
			tt.want["ipam"] = map[string]any{
				"type":   "host-local",
				"ranges": []any{[]any{map[string]any{"subnet": "10.100.3.0/24"}}},
				"routes": []any{map[string]any{"dst": "10.100.0.0/16"}},
			}
			var got map[string]any
			if err := json.Unmarshal(raw, &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %v\nwant %v", got, tt.want)
			}
		})
	}
}

func TestReadConfRefuses(t *testing.T) {
	t.Parallel()
	for _, conf := range []string{`{`, `{"delegate":{"ipam":{}}}`, `{"delegate":{"name":"x"}}`} {
		if _, err := readConf([]byte(conf)); err == nil {
			t.Errorf("readConf(%s) = nil", conf)
		}
	}
}

func TestReadSubnetRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "FLANNEL_MTU=1450\n", "FLANNEL_SUBNET=nonsense\n", strings.Replace(env, "1450", "many", 1)} {
		path := filepath.Join(t.TempDir(), "subnet.env")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readSubnet(path); err == nil {
			t.Errorf("readSubnet(%q) = nil", text)
		}
	}
}

func TestWaitSubnet(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "subnet.env")
	if _, err := waitSubnet(path, 50*time.Millisecond); err == nil || !strings.Contains(err.Error(), "podCIDR") {
		t.Errorf("waitSubnet without a file = %v, want to be told what to look at", err)
	}
	go func() {
		_ = os.WriteFile(path+".tmp", []byte(env), 0o600)
		_ = os.Rename(path+".tmp", path)
	}()
	got, err := waitSubnet(path, 10*time.Second)
	if err != nil || got.mtu != 1450 || !got.ipMasq {
		t.Errorf("waitSubnet = %+v, %v", got, err)
	}
}
