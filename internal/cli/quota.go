package cli

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/api/operator"
)

func newQuotaCommand(e env) *cobra.Command {
	var s socket
	cmd := &cobra.Command{
		Use: "quota", Short: "Set, list and delete quotas (as root, on the service's host)",
		Long: `Quotas bound what a project may have: Cluster counts its clusters, NodeGroup
the worker groups of one cluster, Node the nodes of one group. Where none is set
the default holds. Administrators do the same over the API (openstack coe quotas).`,
	}
	s.register(e, cmd)
	path := func(args []string) string {
		return "/quotas/" + url.PathEscape(args[0]) + "/" + url.PathEscape(args[1])
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "set PROJECT RESOURCE LIMIT", Aliases: []string{"create"}, Short: "Set a project's quota", Args: cobra.ExactArgs(3),
			Example: "  hanok quota set team-a Cluster 5\n  hanok quota set team-a Node 50",
			RunE: func(cmd *cobra.Command, args []string) error {
				limit, err := strconv.Atoi(args[2])
				if err != nil {
					return usagef("the limit %q is no number", args[2])
				}
				return s.do(cmd.Context(), http.MethodPut, path(args), operator.Quota{HardLimit: limit}, nil)
			},
		},
		newOperatorList(e, &s, "/quotas", "List the quotas that hold", true,
			[]any{"PROJECT", "RESOURCE", "HARD_LIMIT", "DEFAULT"},
			func(q operator.Quota) []any { return []any{q.Name, q.Resource, q.HardLimit, q.Default} }),
		&cobra.Command{
			Use: "delete PROJECT RESOURCE", Short: "Let the default hold again", Args: cobra.ExactArgs(2),
			RunE: func(cmd *cobra.Command, args []string) error {
				return s.do(cmd.Context(), http.MethodDelete, path(args), nil, nil)
			},
		},
	)
	return cmd
}
