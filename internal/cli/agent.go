package cli

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/agent"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/kubernetes/settle"
)

// newAgentCommand is what machines run as their first process. It is hidden:
// outside of a machine there is nothing for it to do.
func newAgentCommand(e env) *cobra.Command {
	var opt agent.Options
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Keep a machine as the service wants it (runs inside machines)",
		Long: `The machine agent reads ` + machine.ConfigPath + `, becomes known to the service,
and makes the machine what the service says: it runs and repairs the
components of Kubernetes and reports how they are. As process 1 it also sets
up the machine itself.

SIGTERM stops the machine's processes in order and then the agent. SIGHUP
replaces the agent by its binary on disk; the processes run on. Logs of the
agent and of each process lie in /var/log/hanok inside the machine.`,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opt.OwnsMachine = os.Getpid() == 1
			opt.Version = version()
			opt.Log = slog.New(slog.NewTextHandler(e.err, nil))
			settle.WhenIdle()
			return agent.Run(cmd.Context(), opt)
		},
	}
	cmd.Flags().StringVar(&opt.Root, "root", "", "directory that stands for the machine's root (for tests)")
	cmd.Flags().StringVar(&opt.Binary, "binary", machine.AgentBinary, "what a SIGHUP replaces the agent by")
	return cmd
}
