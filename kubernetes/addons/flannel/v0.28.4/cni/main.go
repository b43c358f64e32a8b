// Command flannel is the CNI plugin that joins a pod to flannel's network: it
// reads the subnet that flanneld wrote and delegates to the bridge plugin.
// Its configuration is that of the plugin of the same name that flannel's
// project publishes, which cannot be had as a Go module.
//
// It differs in one thing: while the subnet file is not there yet, ADD waits
// for it. A node may then be Ready as soon as its container runtime is, and
// the first pods start the moment flanneld has its subnet; an error instead
// would make the kubelet try again ten seconds later.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

const (
	defaultSubnetFile = "/run/flannel/subnet.env"
	defaultDataDir    = "/var/lib/cni/flannel"
	// errNotAvailable is the CNI specification's code for "cannot serve ADD now".
	errNotAvailable = 50
	// subnetWait is how long ADD waits for the subnet file: longer than a
	// cluster takes to start, shorter than the kubelet's patience.
	subnetWait = 20 * time.Second
)

func main() {
	skel.PluginMainFuncs(skel.CNIFuncs{
		Add: add, Del: del, Check: check, Status: status,
	}, version.All, "CNI plugin flannel of hanok")
}

// netConf is the plugin's configuration.
type netConf struct {
	types.NetConf
	SubnetFile    string         `json:"subnetFile"`
	DataDir       string         `json:"dataDir"`
	Delegate      map[string]any `json:"delegate"`
	RuntimeConfig map[string]any `json:"runtimeConfig,omitempty"`
}

func readConf(stdin []byte) (*netConf, error) {
	c := &netConf{SubnetFile: defaultSubnetFile, DataDir: defaultDataDir}
	if err := json.Unmarshal(stdin, c); err != nil {
		return nil, fmt.Errorf("flannel's CNI configuration: %w", err)
	}
	for _, key := range []string{"name", "ipam"} {
		if _, ok := c.Delegate[key]; ok {
			return nil, fmt.Errorf("flannel's CNI configuration: delegate must not set %q: flannel does", key)
		}
	}
	return c, nil
}

func add(args *skel.CmdArgs) error {
	c, err := readConf(args.StdinData)
	if err != nil {
		return err
	}
	env, err := waitSubnet(c.SubnetFile, subnetWait)
	if err != nil {
		return err
	}
	delegate, kind, err := delegateConf(c, env)
	if err != nil {
		return err
	}
	// DEL must undo what was done here even when flanneld has another subnet
	// by then, so what was asked for is kept beside the container's id.
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.DataDir, args.ContainerID), delegate, 0o600); err != nil {
		return err
	}
	result, err := invoke.DelegateAdd(context.Background(), kind, delegate, nil)
	if err != nil {
		return fmt.Errorf("flannel delegates to %s: %w", kind, err)
	}
	return types.PrintResult(result, c.CNIVersion)
}

func del(args *skel.CmdArgs) error {
	c, err := readConf(args.StdinData)
	if err != nil {
		return err
	}
	delegate, kind, err := saved(c, args)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted before, or never added
	}
	if err != nil {
		return err
	}
	if err := invoke.DelegateDel(context.Background(), kind, delegate, nil); err != nil {
		return fmt.Errorf("flannel delegates to %s: %w", kind, err)
	}
	return os.Remove(filepath.Join(c.DataDir, args.ContainerID))
}

func check(args *skel.CmdArgs) error {
	c, err := readConf(args.StdinData)
	if err != nil {
		return err
	}
	delegate, kind, err := saved(c, args)
	if err != nil {
		return err
	}
	return invoke.DelegateCheck(context.Background(), kind, delegate, nil)
}

func status(args *skel.CmdArgs) error {
	c, err := readConf(args.StdinData)
	if err != nil {
		return err
	}
	if _, err := readSubnet(c.SubnetFile); err != nil {
		return types.NewError(errNotAvailable, "flanneld has no subnet yet", err.Error())
	}
	return nil
}

// saved returns what add asked of the delegate, with the result that the
// runtime hands in now.
func saved(c *netConf, args *skel.CmdArgs) (delegate []byte, kind string, err error) {
	raw, err := os.ReadFile(filepath.Join(c.DataDir, args.ContainerID))
	if err != nil {
		return nil, "", err
	}
	var conf map[string]any
	if err := json.Unmarshal(raw, &conf); err != nil {
		return nil, "", fmt.Errorf("%s of %s is damaged: %w", args.ContainerID, c.DataDir, err)
	}
	if c.RawPrevResult != nil {
		conf["prevResult"] = c.RawPrevResult
	}
	kind, _ = conf["type"].(string)
	delegate, err = json.Marshal(conf)
	return delegate, kind, err
}
