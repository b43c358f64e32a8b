package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/client"
)

// createFlags are the flags of `cluster create`.
type createFlags struct {
	file       string
	wishes     client.Wishes
	nodes      int
	volumeSize int
	private    bool
	labels     []string
	timeout    int
	wait       bool
	kubeconfig string
}

func newClusterCreate(e env) *cobra.Command {
	var f createFlags
	cmd := &cobra.Command{
		Use:   "create [NAME]",
		Short: "Create a cluster",
		Args:  cobra.MaximumNArgs(1),
		Long: `Create a cluster. What the flags leave open is looked up in the catalogue: the
newest Kubernetes version, the smallest flavor of 2 vCPUs and 2 GiB, a subnet
with an internet gateway, your first key pair.

With --file the request is sent as it stands ("-" reads standard input); see
docs/examples/create-cluster.json.`,
		Example: `  hanok cluster create demo --wait
  hanok cluster create demo --node-count 3 --flavor m2.c4m8 --label pods_network_cidr=10.30.0.0/18
  hanok cluster create --file request.json --wait`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd, args); err != nil {
				return err
			}
			c, err := connect(e)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			var body []byte
			if f.file != "" {
				body, err = readRequest(e.in, f.file)
			} else {
				var ch client.Choice
				if ch, err = c.Choose(ctx, f.wishes); err == nil {
					body, err = f.request(args[0], ch)
				}
			}
			if err != nil {
				return err
			}
			uuid, err := c.CreateCluster(ctx, body)
			if err != nil {
				return fmt.Errorf("create the cluster: %w", err)
			}
			if !f.wait {
				_, err = fmt.Fprintln(e.out, uuid)
				return err
			}
			cl, err := waitCreated(ctx, c, newProgress(e.err), uuid)
			if err != nil {
				return err
			}
			fmt.Fprintf(e.out, "%s\n", uuid)
			if f.kubeconfig != "" {
				config, err := c.Kubeconfig(ctx, uuid)
				if err != nil {
					return err
				}
				if err := writePrivate(f.kubeconfig, []byte(config)); err != nil {
					return err
				}
			}
			fmt.Fprintf(e.err, "%s is %s at %s\n", cl.Name, cl.Status, cl.APIAddress)
			return nil
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.file, "file", "f", "", "send the request of this JSON file")
	fl.StringVar(&f.wishes.Version, "kube-version", "", "Kubernetes version, such as v1.30.3 (default: the newest)")
	fl.StringVar(&f.wishes.Flavor, "flavor", "", "flavor of the nodes, name or id")
	fl.StringVar(&f.wishes.Image, "image", "", "base image of the nodes, name or id")
	fl.StringVar(&f.wishes.Network, "network", "", "VPC network, name or id")
	fl.StringVar(&f.wishes.Subnet, "subnet", "", "VPC subnet, name or id")
	fl.StringVar(&f.wishes.Keypair, "keypair", "", "key pair for ssh to the nodes")
	fl.StringVar(&f.wishes.Zone, "zone", "", "availability zone")
	fl.StringVar(&f.wishes.VolumeType, "volume-type", "", "boot volume type")
	fl.IntVar(&f.volumeSize, "volume-size", 0, "boot volume size in GB (default: the image's minimum, at least 20)")
	fl.IntVar(&f.nodes, "node-count", 1, "number of worker nodes")
	fl.BoolVar(&f.private, "private-endpoint", false, "the Kubernetes API is reachable inside the VPC only")
	fl.StringArrayVar(&f.labels, "label", nil, "another label of the request, KEY=VALUE (repeatable)")
	fl.IntVar(&f.timeout, "timeout", 60, "minutes after which the service gives up")
	fl.BoolVar(&f.wait, "wait", false, "wait until the cluster is complete, and show progress")
	fl.StringVar(&f.kubeconfig, "kubeconfig", "", "with --wait: write the kubeconfig to this file, mode 0600")
	return cmd
}

// check refuses flags that contradict each other.
func (f *createFlags) check(cmd *cobra.Command, args []string) error {
	if f.kubeconfig != "" && !f.wait {
		return usagef("--kubeconfig needs --wait: there is no kubeconfig before the cluster is complete")
	}
	if f.file == "" {
		if len(args) == 0 {
			return usagef("name the cluster, or give its request with --file")
		}
		return nil
	}
	if len(args) > 0 {
		return usagef("--file holds the cluster's name already: leave out %q", args[0])
	}
	for _, name := range []string{"kube-version", "flavor", "image", "network", "subnet", "keypair", "zone",
		"volume-type", "volume-size", "node-count", "private-endpoint", "label", "timeout"} {
		if cmd.Flags().Changed(name) {
			return usagef("--file is sent as it stands: it cannot go with --%s", name)
		}
	}
	return nil
}

// request builds the guide's create request.
func (f *createFlags) request(name string, ch client.Choice) ([]byte, error) {
	size := max(ch.MinDisk, 20)
	if f.volumeSize > 0 {
		size = f.volumeSize
	}
	public := "True"
	if f.private || !ch.InternetGateway {
		public = "False"
	}
	labels := map[string]any{
		"availability_zone":             ch.Zone,
		"boot_volume_size":              strconv.Itoa(size),
		"boot_volume_type":              ch.VolumeType,
		"ca_enable":                     "False",
		"cert_manager_api":              "True",
		"kube_tag":                      ch.Version,
		"master_lb_floating_ip_enabled": public,
		"node_image":                    ch.ImageID,
	}
	if ch.InternetGateway {
		labels["external_network_id"] = ch.ExternalNet
		labels["external_subnet_id_list"] = ch.ExternalSubnet
	}
	for _, l := range f.labels {
		k, v, ok := strings.Cut(l, "=")
		if !ok || k == "" {
			return nil, usagef("--label %q is not KEY=VALUE", l)
		}
		labels[k] = v
	}
	body, err := json.Marshal(map[string]any{
		"name":                name,
		"cluster_template_id": "iaas_console",
		"create_timeout":      f.timeout,
		"fixed_network":       ch.NetworkID,
		"fixed_subnet":        ch.SubnetID,
		"flavor_id":           ch.FlavorID,
		"keypair":             ch.Keypair,
		"node_count":          f.nodes,
		"labels":              labels,
	})
	if err != nil {
		return nil, fmt.Errorf("build the request: %w", err)
	}
	return body, nil
}

// readRequest reads a request file and checks that it is JSON.
func readRequest(stdin io.Reader, file string) ([]byte, error) {
	var body []byte
	var err error
	if file == "-" {
		body, err = io.ReadAll(stdin)
	} else {
		body, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	if !json.Valid(body) {
		return nil, fmt.Errorf("%s is not valid JSON: check it with: python3 -m json.tool %s", file, file)
	}
	return body, nil
}
