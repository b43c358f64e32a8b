package cli

import (
	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/api/operator"
)

func newProjectCommand(e env) *cobra.Command {
	var s socket
	cmd := &cobra.Command{
		Use:   "project",
		Short: "Create, list and delete projects (as root, on the service's host)",
	}
	s.register(e, cmd)
	create := &cobra.Command{
		Use: "create NAME", Short: "Create a project with a default network", Args: cobra.ExactArgs(1),
		Example: "  hanok project create team-a\n  hanok user create alice --project team-a",
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.create(cmd.Context(), e.out, "/projects", operator.Project{Name: args[0]})
		},
	}
	cmd.AddCommand(create,
		newOperatorList(e, &s, "/projects", "List all projects", false,
			[]any{"ID", "NAME", "ENABLED"},
			func(p operator.Project) []any { return []any{p.ID, p.Name, p.Enabled} }),
		newOperatorDelete(&s, "delete PROJECT", "/projects", "Delete a project without clusters"),
	)
	return cmd
}
