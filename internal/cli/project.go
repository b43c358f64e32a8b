package cli

import (
	"fmt"
	"net/http"
	"net/url"

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
	var o output
	list := &cobra.Command{
		Use: "list", Short: "List all projects", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []operator.Project
			if err := s.do(cmd.Context(), http.MethodGet, "/projects", nil, &all); err != nil {
				return err
			}
			return o.print(e.out, all, func(t *table) {
				t.row("ID", "NAME", "ENABLED")
				for _, p := range all {
					t.row(p.ID, p.Name, p.Enabled)
				}
			})
		},
	}
	o.register(list)
	create := &cobra.Command{
		Use: "create NAME", Short: "Create a project with a default network", Args: cobra.ExactArgs(1),
		Example: "  hanok project create team-a\n  hanok user create alice --project team-a",
		RunE: func(cmd *cobra.Command, args []string) error {
			var p operator.Project
			err := s.do(cmd.Context(), http.MethodPost, "/projects", operator.Project{Name: args[0]}, &p)
			if err == nil {
				fmt.Fprintln(e.out, p.ID)
			}
			return err
		},
	}
	remove := &cobra.Command{
		Use: "delete PROJECT", Short: "Delete a project without clusters", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.do(cmd.Context(), http.MethodDelete, "/projects/"+url.PathEscape(args[0]), nil, nil)
		},
	}
	cmd.AddCommand(create, list, remove)
	return cmd
}
