package cli

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/client"
)

func newNodeGroupCommand(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "nodegroup",
		Short:   "Create, list, show, change and delete the node groups of a cluster",
		Aliases: []string{"nodegroups", "ng"},
	}
	cmd.AddCommand(newNodeGroupCreate(e), newNodeGroupList(e), newNodeGroupShow(e), newNodeGroupDelete(e),
		newNodeGroupFlavor(e), newNodeGroupUserScript(e))
	return cmd
}

func newNodeGroupList(e env) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:     "list CLUSTER",
		Short:   "List the node groups of a cluster",
		Aliases: []string{"ls"},
		Args:    cobra.ExactArgs(1),
		Example: "  hanok nodegroup list demo",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := connect(e)
			if err != nil {
				return err
			}
			groups, err := c.NodeGroups(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return o.print(e.out, raws(groups, func(g client.NodeGroup) json.RawMessage { return g.Raw }), func(t *table) {
				t.row("UUID", "NAME", "STATUS", "NODES", "FLAVOR", "ROLE", "DEFAULT")
				for _, g := range groups {
					t.row(g.UUID, g.Name, g.Status, g.NodeCount, g.FlavorID, g.Role, g.IsDefault)
				}
			})
		},
	}
	o.register(cmd)
	return cmd
}

func newNodeGroupShow(e env) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:     "show CLUSTER GROUP",
		Short:   "Show a node group, by name or UUID",
		Args:    cobra.ExactArgs(2),
		Example: "  hanok nodegroup show demo default-worker",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := connect(e)
			if err != nil {
				return err
			}
			g, err := c.NodeGroup(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			return o.print(e.out, g.Raw, func(t *table) {
				t.row("uuid", g.UUID)
				t.row("name", g.Name)
				t.row("role", g.Role)
				t.row("is_default", g.IsDefault)
				t.row("status", g.Status)
				t.row("status_reason", g.StatusReason)
				t.row("version", g.Version)
				t.row("node_count", g.NodeCount)
				t.row("min_node_count", g.MinNodeCount)
				t.row("max_node_count", g.MaxNodeCount)
				t.row("flavor_id", g.FlavorID)
				t.row("image_id", g.ImageID)
				for _, k := range slices.Sorted(maps.Keys(g.Labels)) {
					t.row("labels", k+"="+g.Labels[k])
				}
			})
		},
	}
	o.register(cmd)
	return cmd
}
