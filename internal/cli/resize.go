package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/client"
)

func newClusterResize(e env) *cobra.Command {
	var group string
	var remove []string
	var wait bool
	cmd := &cobra.Command{
		Use:   "resize CLUSTER COUNT",
		Short: "Bring a node group to a number of nodes",
		Args:  cobra.ExactArgs(2),
		Long: `Bring a node group to a number of nodes. Nodes that leave are drained first, as
far as PodDisruptionBudgets allow. With --remove exactly these nodes leave;
without it the service takes those that are not Ready, then the youngest.`,
		Example: `  hanok cluster resize demo 3 --wait
  hanok cluster resize demo 1 --nodegroup batch --remove demo-batch-ohw5ab5wpzug-node-0`,
		RunE: func(cmd *cobra.Command, args []string) error {
			count, err := strconv.Atoi(args[1])
			if err != nil {
				return usagef("COUNT %q is not a number", args[1])
			}
			ctx := cmd.Context()
			c, cl, g, err := connectToGroup(ctx, e, args[0], group)
			if err != nil {
				return err
			}
			nodes, err := nodeUUIDs(ctx, c, cl, remove)
			if err != nil {
				return err
			}
			if err := c.Resize(ctx, cl.UUID, g.UUID, count, nodes); err != nil {
				return fmt.Errorf("resize node group %s: %w", g.Name, err)
			}
			if !wait {
				_, err = fmt.Fprintf(e.out, "resize of %s to %d nodes has begun\n", g.Name, count)
				return err
			}
			if err := waitOperation(ctx, e, c, cl.UUID, "CLUSTER_RESIZE", g.UUID); err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.out, "%s has %d nodes\n", g.Name, count)
			return err
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&group, "nodegroup", "", "node group, name or UUID (default: the default worker group)")
	fl.StringArrayVar(&remove, "remove", nil, "node that shall go, name or UUID (repeatable)")
	fl.BoolVar(&wait, "wait", false, "wait until the group has its nodes, and show progress")
	return cmd
}

// nodeUUIDs gives the UUIDs of a cluster's nodes that are named by UUID or name.
func nodeUUIDs(ctx context.Context, c *client.Client, cl client.Cluster, named []string) ([]string, error) {
	if len(named) == 0 {
		return nil, nil
	}
	nodes, err := nodesNamed(ctx, c, cl, named)
	if err != nil {
		return nil, err
	}
	var uuids []string
	for _, n := range nodes {
		uuids = append(uuids, n.ID)
	}
	return uuids, nil
}

func nodesNamed(ctx context.Context, c *client.Client, cl client.Cluster, named []string) (nodes []client.Server, err error) {
	servers, err := c.Servers(ctx)
	if err != nil {
		return nil, err
	}
	var known []string
	byName := map[string]client.Server{}
	for _, s := range servers {
		if s.Metadata["cluster_uuid"] == cl.UUID {
			known = append(known, s.Name)
			byName[s.Name], byName[s.ID] = s, s
		}
	}
	for _, name := range named {
		s, ok := byName[name]
		if !ok {
			return nil, fmt.Errorf("cluster %s has no node %q (there are: %s)", cl.Name, name, strings.Join(known, ", "))
		}
		nodes = append(nodes, s)
	}
	return nodes, nil
}
