package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// subnetEnv is what flanneld says of this node.
type subnetEnv struct {
	network netip.Prefix // of all pods
	subnet  netip.Prefix // of this node's pods
	mtu     int
	ipMasq  bool // flanneld masquerades
}

func readSubnet(path string) (*subnetEnv, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	env := &subnetEnv{}
	for line := range strings.Lines(string(raw)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		var err error
		switch key {
		case "FLANNEL_NETWORK":
			env.network, err = netip.ParsePrefix(value)
		case "FLANNEL_SUBNET":
			env.subnet, err = netip.ParsePrefix(value)
		case "FLANNEL_MTU":
			env.mtu, err = strconv.Atoi(value)
		case "FLANNEL_IPMASQ":
			env.ipMasq, err = strconv.ParseBool(value)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, key, err)
		}
	}
	if !env.network.IsValid() || !env.subnet.IsValid() || env.mtu == 0 {
		return nil, fmt.Errorf("%s lacks FLANNEL_NETWORK, FLANNEL_SUBNET or FLANNEL_MTU", path)
	}
	return env, nil
}

// waitSubnet reads the file as soon as it exists, for at most limit.
func waitSubnet(path string, limit time.Duration) (*subnetEnv, error) {
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		env, err := readSubnet(path)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return env, err
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("flanneld has no subnet for this node after %s: is it running, and does the node have a podCIDR? %w", limit, err)
		}
	}
}

// delegateConf is the configuration of the plugin that makes the pod's
// interface; what the user's delegate says comes first.
func delegateConf(c *netConf, env *subnetEnv) (conf []byte, kind string, err error) {
	d := map[string]any{
		"type":   "bridge",
		"mtu":    env.mtu,
		"ipMasq": !env.ipMasq, // once is enough
	}
	for k, v := range c.Delegate {
		d[k] = v
	}
	kind, ok := d["type"].(string)
	if !ok || kind == "" {
		return nil, "", errors.New("flannel's CNI configuration: delegate.type must be a plugin's name")
	}
	if _, set := d["isGateway"]; kind == "bridge" && !set {
		d["isGateway"] = true
	}
	d["cniVersion"] = c.CNIVersion
	d["name"] = c.Name
	if len(c.RuntimeConfig) > 0 {
		d["runtimeConfig"] = c.RuntimeConfig
	}
	d["ipam"] = map[string]any{
		"type":   "host-local",
		"ranges": [][]map[string]string{{{"subnet": env.subnet.Masked().String()}}},
		"routes": []map[string]string{{"dst": env.network.Masked().String()}},
	}
	conf, err = json.Marshal(d)
	return conf, kind, err
}
