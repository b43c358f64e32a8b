package cli

import (
	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/api/operator"
	"github.com/hanok/hanok/internal/infra/embedded"
)

func newNetworkCommand(e env) *cobra.Command {
	var s socket
	cmd := &cobra.Command{Use: "network", Short: "Create, list and delete VPCs (as root, on the service's host)"}
	s.register(e, cmd)
	var n operator.Network
	create := &cobra.Command{
		Use: "create NAME", Short: "Create a VPC of a project", Args: cobra.ExactArgs(1),
		Long:    "Create a VPC and print its id. Ranges of different VPCs may overlap.",
		Example: "  hanok network create lab --project team-a --cidr 10.7.0.0/16\n  hanok subnet create lab-1 --network lab --cidr 10.7.1.0/24 --internet-gateway",
		RunE: func(cmd *cobra.Command, args []string) error {
			if n.CIDR == "" {
				return usagef("--cidr is missing: the range of addresses")
			}
			n.Name = args[0]
			return s.create(cmd.Context(), e.out, "/networks", n)
		},
	}
	create.Flags().StringVar(&n.Project, "project", embedded.SeedProject, "project, by name or id")
	create.Flags().StringVar(&n.CIDR, "cidr", "", "range of addresses")
	cmd.AddCommand(create,
		newOperatorList(e, &s, "/networks", "List VPCs", true,
			[]any{"ID", "NAME", "PROJECT", "CIDR", "EXTERNAL"},
			func(n operator.Network) []any { return []any{n.ID, n.Name, n.Project, n.CIDR, n.External} }),
		newOperatorDelete(&s, "delete NETWORK", "/networks", "Delete a VPC without subnets"),
	)
	return cmd
}

func newSubnetCommand(e env) *cobra.Command {
	var s socket
	cmd := &cobra.Command{Use: "subnet", Short: "Create, list and delete subnets (as root, on the service's host)"}
	s.register(e, cmd)
	var sub operator.Subnet
	create := &cobra.Command{
		Use: "create NAME", Short: "Create a subnet of a VPC", Args: cobra.ExactArgs(1),
		Example: "  hanok subnet create lab-1 --network lab --cidr 10.7.1.0/24 --internet-gateway",
		RunE: func(cmd *cobra.Command, args []string) error {
			if sub.Network == "" || sub.CIDR == "" {
				return usagef("--network and --cidr must be given")
			}
			sub.Name = args[0]
			return s.create(cmd.Context(), e.out, "/subnets", sub)
		},
	}
	create.Flags().StringVar(&sub.Network, "network", "", "VPC, by id, or by name where no other has it")
	create.Flags().StringVar(&sub.CIDR, "cidr", "", "range of addresses, within the VPC's")
	create.Flags().StringVar(&sub.Gateway, "gateway", "", "the router's address (default: the first)")
	create.Flags().BoolVar(&sub.InternetGateway, "internet-gateway", false, "give nodes NAT and DNS")
	cmd.AddCommand(create,
		newOperatorList(e, &s, "/subnets", "List subnets", true,
			[]any{"ID", "NAME", "NETWORK", "CIDR", "GATEWAY", "INTERNET_GATEWAY"},
			func(s operator.Subnet) []any {
				return []any{s.ID, s.Name, s.Network, s.CIDR, s.Gateway, s.InternetGateway}
			}),
		newOperatorDelete(&s, "delete SUBNET", "/subnets", "Delete a subnet that no cluster uses"),
	)
	return cmd
}
