package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/client"
)

// groupFlags are the flags of `nodegroup create`.
type groupFlags struct {
	flavor, image, zone, volumeType string
	nodes, volumeSize               int
	labels                          []string
	wait                            bool
}

func newNodeGroupCreate(e env) *cobra.Command {
	var f groupFlags
	cmd := &cobra.Command{
		Use:   "create CLUSTER NAME",
		Short: "Create a node group",
		Args:  cobra.ExactArgs(2),
		Long: `Create a node group. What the flags leave open is as the cluster was created:
flavor, image, zone and boot volume.`,
		Example: `  hanok nodegroup create demo batch --node-count 2 --wait
  hanok nodegroup create demo big --flavor m2.c4m8`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, cl, err := connectTo(ctx, e, args[0])
			if err != nil {
				return err
			}
			body, err := f.request(ctx, c, cl, args[1])
			if err != nil {
				return err
			}
			g, err := c.CreateNodeGroup(ctx, cl.UUID, body)
			if err != nil {
				return fmt.Errorf("create the node group: %w", err)
			}
			if f.wait {
				if err := waitOperation(ctx, e, c, cl.UUID, "NODEGROUP_CREATE", g.UUID); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintln(e.out, g.UUID)
			return err
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.flavor, "flavor", "", "flavor of the nodes, name or id")
	fl.StringVar(&f.image, "image", "", "base image of the nodes, name or id")
	fl.StringVar(&f.zone, "zone", "", "availability zone")
	fl.StringVar(&f.volumeType, "volume-type", "", "boot volume type")
	fl.IntVar(&f.volumeSize, "volume-size", 0, "boot volume size in GB")
	fl.IntVar(&f.nodes, "node-count", 1, "number of nodes")
	fl.StringArrayVar(&f.labels, "label", nil, "another label of the request, KEY=VALUE (repeatable)")
	fl.BoolVar(&f.wait, "wait", false, "wait until the group is complete, and show progress")
	return cmd
}

// request builds the guide's request for a node group.
func (f *groupFlags) request(ctx context.Context, c *client.Client, cl client.Cluster, name string) ([]byte, error) {
	labels := map[string]any{"ca_enable": "False"}
	for _, name := range []string{"availability_zone", "boot_volume_type", "boot_volume_size"} {
		labels[name] = cl.Labels[name]
	}
	if f.zone != "" {
		labels["availability_zone"] = f.zone
	}
	if f.volumeType != "" {
		labels["boot_volume_type"] = f.volumeType
	}
	if f.volumeSize > 0 {
		labels["boot_volume_size"] = fmt.Sprint(f.volumeSize)
	}
	for _, l := range f.labels {
		k, v, ok := strings.Cut(l, "=")
		if !ok || k == "" {
			return nil, usagef("--label %q is not KEY=VALUE", l)
		}
		labels[k] = v
	}
	flavor, image := cl.FlavorID, cl.Labels["node_image"]
	if f.flavor != "" {
		found, err := c.FindFlavor(ctx, f.flavor)
		if err != nil {
			return nil, err
		}
		flavor = found.ID
	}
	if f.image != "" {
		found, err := c.FindImage(ctx, f.image)
		if err != nil {
			return nil, err
		}
		image = found.ID
	}
	body, err := json.Marshal(map[string]any{
		"name": name, "node_count": f.nodes, "flavor_id": flavor, "image_id": image, "labels": labels,
	})
	if err != nil {
		return nil, fmt.Errorf("build the request: %w", err)
	}
	return body, nil
}

// waitOperation follows an operation on a node group.
func waitOperation(ctx context.Context, e env, c *client.Client, cluster, eventType, group string) error {
	return awaited(newProgress(e.err).run(func(seen func(client.Progress)) error {
		return c.WaitOperation(ctx, cluster, eventType, group, seen)
	}))
}

func newNodeGroupDelete(e env) *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use:     "delete CLUSTER GROUP",
		Short:   "Delete a node group: its nodes are drained and removed",
		Aliases: []string{"rm"},
		Args:    cobra.ExactArgs(2),
		Example: "  hanok nodegroup delete demo batch --wait",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, cl, g, err := connectToGroup(ctx, e, args[0], args[1])
			if err != nil {
				return err
			}
			if err := c.DeleteNodeGroup(ctx, cl.UUID, g.UUID); err != nil {
				return fmt.Errorf("delete node group %s: %w", args[1], err)
			}
			if !wait {
				_, err = fmt.Fprintf(e.out, "deletion of %s (%s) has begun\n", g.Name, g.UUID)
				return err
			}
			if err := waitOperation(ctx, e, c, cl.UUID, "NODEGROUP_DELETE", g.UUID); err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.out, "%s (%s) is deleted\n", g.Name, g.UUID)
			return err
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the group is gone, and show progress")
	return cmd
}
