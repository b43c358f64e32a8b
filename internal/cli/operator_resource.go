package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// newOperatorList is a command that lists things at a path of the operators'
// socket as a table; of one project when byProject allows to name it.
func newOperatorList[T any](e env, s *socket, path, short string, byProject bool, header []any, row func(T) []any) *cobra.Command {
	var o output
	var project string
	cmd := &cobra.Command{
		Use: "list", Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if project != "" {
				path += "?project=" + url.QueryEscape(project)
			}
			all := []T{}
			if err := s.do(cmd.Context(), http.MethodGet, path, nil, &all); err != nil {
				return err
			}
			return o.print(e.out, all, func(t *table) {
				t.row(header...)
				for _, v := range all {
					t.row(row(v)...)
				}
			})
		},
	}
	if byProject {
		cmd.Flags().StringVar(&project, "project", "", "what this project has, by name or id")
	}
	o.register(cmd)
	return cmd
}

// newOperatorDelete is a command that deletes the thing of its argument below a path.
func newOperatorDelete(s *socket, use, path, short string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.do(cmd.Context(), http.MethodDelete, path+"/"+url.PathEscape(args[0]), nil, nil)
		},
	}
}

// create makes a thing at a path of the operators' socket and prints its id.
func (s *socket) create(ctx context.Context, out io.Writer, path string, thing any) error {
	var made struct {
		ID string `json:"id"`
	}
	if err := s.do(ctx, http.MethodPost, path, thing, &made); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, made.ID)
	return err
}
