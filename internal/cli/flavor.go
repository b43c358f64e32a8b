package cli

import (
	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/api/operator"
)

func newFlavorCommand(e env) *cobra.Command {
	var s socket
	cmd := &cobra.Command{Use: "flavor", Short: "Create, list and delete machine sizes (as root, on the service's host)"}
	s.register(e, cmd)
	cmd.AddCommand(
		newFlavorCreate(e, &s),
		newOperatorList(e, &s, "/flavors", "List all flavors", false,
			[]any{"ID", "NAME", "TYPE", "VCPUS", "RAM", "DISK"},
			func(f operator.Flavor) []any { return []any{f.ID, f.Name, f.Type, f.VCPUs, f.RAM, f.Disk} }),
		newOperatorDelete(&s, "delete FLAVOR", "/flavors", "Delete a flavor that no cluster uses"),
	)
	return cmd
}

func newFlavorCreate(e env, s *socket) *cobra.Command {
	var f operator.Flavor
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Create a flavor", Args: cobra.ExactArgs(1),
		Long:    "Create a flavor and print its id. An id of your own lets requests that were\nwritten for another cloud find it.",
		Example: "  hanok flavor create m2.c4m16 --vcpus 4 --ram 16384",
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Name = args[0]
			return s.create(cmd.Context(), e.out, "/flavors", f)
		},
	}
	cmd.Flags().IntVar(&f.VCPUs, "vcpus", 1, "number of CPUs")
	cmd.Flags().IntVar(&f.RAM, "ram", 2048, "memory in MiB")
	cmd.Flags().IntVar(&f.Disk, "disk", 0, "boot volume in GB; 0 leaves it to the request")
	cmd.Flags().StringVar(&f.Type, "type", "general", "flavor_type as the guide has it: general, core, memory")
	cmd.Flags().StringVar(&f.ID, "id", "", "UUID (default: a new one)")
	return cmd
}
