package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

func newImageCommand(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "image",
		Short:   "Put container images onto nodes; list what nodes boot from",
		Aliases: []string{"images"},
	}
	cmd.AddCommand(newImageLoad(e))
	cmd.AddCommand(newBaseImageCommands(e)...)
	return cmd
}

func newImageLoad(e env) *cobra.Command {
	return &cobra.Command{
		Use:   "load CLUSTER ARCHIVE",
		Short: "Import an image archive on every present and future node",
		Args:  cobra.ExactArgs(2),
		Long: `Import a container image archive (OCI layout or "docker save", a tar file;
"-" reads standard input) on every node that the cluster has and will have.
It returns when the present nodes have it. Pods that use the image should not
set imagePullPolicy: Always.`,
		Example: `  docker save myapp:v1 | hanok image load demo -
  hanok image load demo myapp.tar`,
		RunE: func(cmd *cobra.Command, args []string) error {
			// The upload cannot be sent twice: find a wrong name before it.
			c, cl, err := connectTo(cmd.Context(), e, args[0])
			if err != nil {
				return err
			}
			archive := io.NopCloser(e.in)
			if args[1] != "-" {
				f, err := os.Open(args[1])
				if err != nil {
					return fmt.Errorf("open the image archive: %w", err)
				}
				archive = f
			}
			defer archive.Close()
			refs, err := c.LoadImage(cmd.Context(), cl.UUID, archive)
			if err != nil {
				return err
			}
			for _, ref := range refs {
				fmt.Fprintln(e.out, ref)
			}
			return nil
		},
	}
}
