package cli

import (
	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/api/operator"
)

// newBaseImageCommands are the operators' commands about the images that
// nodes boot from.
func newBaseImageCommands(e env) []*cobra.Command {
	var s socket
	var i operator.Image
	create := &cobra.Command{
		Use: "create NAME", Short: "Enter the nodes' base image under another name (operators)", Args: cobra.ExactArgs(1),
		Long: `Enter the one tree that nodes boot from in the catalogue again, under another
name or id and with minimums of its own, and print the id. An id of your own
lets requests that were written for another cloud find it.`,
		Example: "  hanok image create ubuntu-22.04 --id f462a2a5-ba24-46d6-b7a1-9a9febcd3cfc --min-disk 20",
		RunE: func(cmd *cobra.Command, args []string) error {
			i.Name = args[0]
			return s.create(cmd.Context(), e.out, "/images", i)
		},
	}
	create.Flags().IntVar(&i.MinDisk, "min-disk", 20, "smallest boot volume in GB")
	create.Flags().IntVar(&i.MinRAM, "min-ram", 0, "least memory of a flavor in MiB")
	create.Flags().StringVar(&i.ID, "id", "", "UUID (default: a new one)")
	list := newOperatorList(e, &s, "/images", "List the images that nodes boot from (operators)", false,
		[]any{"ID", "NAME", "MIN_DISK", "MIN_RAM", "LOGIN"},
		func(i operator.Image) []any { return []any{i.ID, i.Name, i.MinDisk, i.MinRAM, i.LoginUser} })
	remove := newOperatorDelete(&s, "delete IMAGE", "/images", "Delete a base image that no cluster uses (operators)")
	all := []*cobra.Command{create, list, remove}
	for _, cmd := range all {
		s.register(e, cmd)
	}
	return all
}
