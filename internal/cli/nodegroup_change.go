package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/client"
)

func newNodeGroupFlavor(e env) *cobra.Command {
	var buffers, parallel int
	var wait bool
	cmd := &cobra.Command{
		Use:   "flavor CLUSTER GROUP FLAVOR",
		Short: "Change the flavor of a group's nodes",
		Long: `Change the flavor of a group's nodes, one after the other: each is drained,
stopped, resized and started. Buffer nodes take their pods meanwhile and go
afterwards.`,
		Args:    cobra.ExactArgs(3),
		Example: "  hanok nodegroup flavor demo default-worker m2.c4m8 --wait",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, cl, g, err := connectToGroup(ctx, e, args[0], args[1])
			if err != nil {
				return err
			}
			flavor, err := c.FindFlavor(ctx, args[2])
			if err != nil {
				return err
			}
			change := client.FlavorChange{FlavorID: flavor.ID, MaxUnavailable: parallel}
			if cmd.Flags().Changed("buffers") {
				change.Buffers = &buffers
			}
			if err := c.ChangeFlavor(ctx, cl.UUID, g.UUID, change); err != nil {
				return fmt.Errorf("change the flavor of %s: %w", g.Name, err)
			}
			if !wait {
				_, err = fmt.Fprintf(e.out, "change of %s to flavor %s has begun\n", g.Name, flavor.Name)
				return err
			}
			if err := waitOperation(ctx, e, c, cl.UUID, "NODEGROUP_UPDATE_FLAVOR", g.UUID); err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.out, "the nodes of %s have flavor %s\n", g.Name, flavor.Name)
			return err
		},
	}
	fl := cmd.Flags()
	fl.IntVar(&buffers, "buffers", 1, "nodes that are added for the time of it (default: 1 where the quota leaves room)")
	fl.IntVar(&parallel, "max-unavailable", 1, "nodes that are changed at a time")
	fl.BoolVar(&wait, "wait", false, "wait until the nodes are changed, and show progress")
	return cmd
}

func newNodeGroupUserScript(e env) *cobra.Command {
	return &cobra.Command{
		Use:   "userscript CLUSTER GROUP FILE",
		Short: "Change the user script of nodes that are made later",
		Long: `Change the script that new nodes of a group run at their first boot, to the
content of FILE ("-" is standard input; an empty file takes it away). Nodes that
exist are not touched. A group begins with one by --label user_script_v2=SCRIPT.`,
		Args:    cobra.ExactArgs(3),
		Example: "  hanok nodegroup userscript demo default-worker setup.sh",
		RunE: func(cmd *cobra.Command, args []string) error {
			script, err := readScript(e.in, args[2])
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			c, cl, err := connectTo(ctx, e, args[0])
			if err != nil {
				return err
			}
			if err := c.SetUserScript(ctx, cl.UUID, args[1], script); err != nil {
				return fmt.Errorf("change the user script of %s: %w", args[1], err)
			}
			_, err = fmt.Fprintf(e.out, "new nodes of %s will run it\n", args[1])
			return err
		},
	}
}

func readScript(stdin io.Reader, file string) (string, error) {
	var script []byte
	var err error
	if file == "-" {
		script, err = io.ReadAll(stdin)
	} else {
		script, err = os.ReadFile(file)
	}
	if err != nil {
		return "", fmt.Errorf("read the script: %w", err)
	}
	return string(script), nil
}
