package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/api/operator"
	"github.com/hanok/hanok/internal/infra/embedded"
)

func newUserCommand(e env) *cobra.Command {
	var s socket
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Create, list, change and delete users (as root, on the service's host)",
	}
	s.register(e, cmd)
	cmd.AddCommand(newUserCreate(e, &s), newUserPassword(e, &s), newUserRoles(&s),
		newOperatorList(e, &s, "/users", "List all users", false,
			[]any{"ID", "NAME", "DEFAULT_PROJECT", "ENABLED"},
			func(u operator.User) []any { return []any{u.ID, u.Name, u.DefaultProject, u.Enabled} }),
		newOperatorDelete(&s, "delete USER", "/users", "Delete a user; the user's clusters stay"),
	)
	return cmd
}

func newUserCreate(e env, s *socket) *cobra.Command {
	var project string
	var roles []string
	var fromStdin bool
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Create a user in a project", Args: cobra.ExactArgs(1),
		Long: `Create a user with roles in a project. The password is random and printed
once, or read from standard input.`,
		Example: `  hanok user create alice --project team-a
  hanok user create viewer --project team-a --role reader
  hanok user create ci --project team-a --password-stdin < password`,
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := choosePassword(e, fromStdin)
			if err != nil {
				return err
			}
			u := operator.NewUser{Name: args[0], Password: password, Project: project, Roles: roles}
			if err := s.do(cmd.Context(), http.MethodPost, "/users", u, nil); err != nil {
				return err
			}
			if !fromStdin {
				fmt.Fprintln(e.out, password)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&project, "project", embedded.SeedProject, "project, by name or id")
	cmd.Flags().StringSliceVar(&roles, "role", []string{"member"}, "roles in the project: admin, member, reader")
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	return cmd
}

func newUserPassword(e env, s *socket) *cobra.Command {
	var fromStdin bool
	cmd := &cobra.Command{
		Use: "password USER", Short: "Give a user another password, and end the user's tokens", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := choosePassword(e, fromStdin)
			if err != nil {
				return err
			}
			if err := s.do(cmd.Context(), http.MethodPut, "/users/"+url.PathEscape(args[0])+"/password", operator.NewUser{Password: password}, nil); err != nil {
				return err
			}
			if !fromStdin {
				fmt.Fprintln(e.out, password)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	return cmd
}

func newUserRoles(s *socket) *cobra.Command {
	return &cobra.Command{
		Use: "roles USER PROJECT [ROLE...]", Short: "Replace a user's roles in a project; none takes the user out of it", Args: cobra.MinimumNArgs(2),
		Example: "  hanok user roles alice team-b reader",
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.do(cmd.Context(), http.MethodPut, "/users/"+url.PathEscape(args[0])+"/roles", operator.Roles{Project: args[1], Roles: args[2:]}, nil)
		},
	}
}

// choosePassword reads a password, or makes one.
func choosePassword(e env, fromStdin bool) (string, error) {
	if !fromStdin {
		return embedded.GeneratePassword(), nil
	}
	b, err := io.ReadAll(io.LimitReader(e.in, 4096))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	password := strings.TrimRight(string(b), "\r\n")
	if password == "" {
		return "", usagef("standard input holds no password")
	}
	return password, nil
}
