package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/client"
)

func newNodeStop(e env) *cobra.Command {
	return newNodePower(e, power{
		use: "stop", done: "stopped", event: "NODEGROUP_NODE_ACTION_NODE_STOP", do: (*client.Client).StopNodes,
		short: "Drain nodes and stop their machines; volumes stay",
	})
}

func newNodeStart(e env) *cobra.Command {
	return newNodePower(e, power{
		use: "start", done: "started", event: "NODEGROUP_NODE_ACTION_NODE_START", do: (*client.Client).StartNodes,
		short: "Start stopped nodes",
	})
}

// power is what stop and start differ in.
type power struct {
	use, short, done, event string
	do                      func(c *client.Client, ctx context.Context, cluster, group string, nodes []string) error
}

func newNodePower(e env, p power) *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use:     p.use + " CLUSTER NODE...",
		Short:   p.short,
		Args:    cobra.MinimumNArgs(2),
		Example: "  hanok node " + p.use + " demo demo-default-w-ohw5ab5wpzug-node-0 --wait",
		Long:    p.short + ". Nodes are named by name or UUID, and are of one node group.",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, cl, err := connectTo(ctx, e, args[0])
			if err != nil {
				return err
			}
			nodes, err := nodesNamed(ctx, c, cl, args[1:])
			if err != nil {
				return err
			}
			group := nodes[0].Metadata["nodegroup_uuid"]
			var uuids []string
			for _, n := range nodes {
				if n.Metadata["nodegroup_uuid"] != group {
					return usagef("%s and %s are of different node groups: %s them one group at a time", nodes[0].Name, n.Name, p.use)
				}
				uuids = append(uuids, n.ID)
			}
			if err := p.do(c, ctx, cl.UUID, group, uuids); err != nil {
				return fmt.Errorf("%s: %w", p.use, err)
			}
			if wait {
				if err := waitOperation(ctx, e, c, cl.UUID, p.event, group); err != nil {
					return err
				}
			}
			for _, n := range nodes {
				said := "will be " + p.done
				if wait {
					said = "is " + p.done
				}
				fmt.Fprintf(e.out, "%s (%s) %s\n", n.Name, n.ID, said)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is done, and show progress")
	return cmd
}
