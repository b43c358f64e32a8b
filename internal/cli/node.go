package cli

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/client"
)

func newNodeCommand(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "node",
		Short:   "List the machines of clusters, and look into them",
		Aliases: []string{"nodes"},
	}
	cmd.AddCommand(newNodeList(e), newNodeShow(e), newNodeShell(e), newNodeLogs(e), newNodeStop(e), newNodeStart(e))
	return cmd
}

func newNodeList(e env) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:     "list [CLUSTER]",
		Short:   "List nodes: the project's, or one cluster's",
		Aliases: []string{"ls"},
		Args:    cobra.MaximumNArgs(1),
		Example: "  hanok node list\n  hanok node list demo",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := connect(e)
			if err != nil {
				return err
			}
			servers, err := c.Servers(cmd.Context())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				cl, err := c.Cluster(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				servers = slices.DeleteFunc(servers, func(s client.Server) bool { return s.Metadata["cluster_uuid"] != cl.UUID })
			}
			return o.print(e.out, raws(servers, func(s client.Server) json.RawMessage { return s.Raw }), func(t *table) {
				t.row("UUID", "NAME", "STATUS", "ADDRESSES", "ZONE", "CREATED")
				for _, s := range servers {
					t.row(s.ID, s.Name, s.Status, addresses(s), s.Zone, s.Created)
				}
			})
		},
	}
	o.register(cmd)
	return cmd
}

func addresses(s client.Server) []string {
	var all []string
	for _, network := range slices.Sorted(maps.Keys(s.Addresses)) {
		for _, a := range s.Addresses[network] {
			all = append(all, a.Addr)
		}
	}
	return all
}
