// Package cli is the command line. A file holds one command or a family of
// them; client commands use the public API alone (internal/client).
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// env is what commands have of the world, so that tests can give another.
type env struct {
	in     io.Reader
	out    io.Writer
	err    io.Writer
	getenv func(string) string
}

// Main runs the command line of this process and gives its exit code.
func Main() int {
	// The programs that are called lie in directories which the path of a
	// shell opened with "su" lacks.
	os.Setenv("PATH", withSystemPrograms(os.Getenv("PATH")))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, env{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv}, os.Args[1:])
}

func withSystemPrograms(path string) string {
	dirs := filepath.SplitList(path)
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return strings.Join(dirs, string(filepath.ListSeparator))
}

// run executes one command line.
func run(ctx context.Context, e env, args []string) int {
	root := newRoot(e)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var remote remoteExit
	if errors.As(err, &remote) {
		return remote.code
	}
	code := exitCode(err)
	if code == exitInterrupted {
		fmt.Fprintln(e.err, "interrupted")
		return code
	}
	fmt.Fprintf(e.err, "hanok: %v\n", err)
	if code == exitUsage {
		fmt.Fprintf(e.err, "See %q.\n", cmd.CommandPath()+" --help")
	}
	return code
}

func newRoot(e env) *cobra.Command {
	root := &cobra.Command{
		Use:   "hanok",
		Short: "A managed Kubernetes service of your own",
		Long: `hanok makes real Kubernetes clusters on request, over the API of
NHN Kubernetes Service and OpenStack Magnum.

Client commands read the usual OS_* variables (OS_AUTH_URL, OS_USERNAME,
OS_PASSWORD, OS_PROJECT_NAME, ...); "make up" writes them to run/openrc.

Exit codes: 0 success, 1 error, 2 wrong usage, 3 not found, 4 the awaited
operation failed, 5 not authenticated, 130 interrupted; "node shell" and
"node logs" end as the command inside the machine does.`,
		Example: `  . run/openrc
  hanok cluster create demo --wait
  hanok cluster kubeconfig demo > kubeconfig
  hanok cluster delete demo --wait`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(e.in)
	root.SetOut(e.out)
	root.SetErr(e.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddGroup(
		&cobra.Group{ID: groupClient, Title: "Clusters (over the API):"},
		&cobra.Group{ID: groupOperator, Title: "The service and this host:"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupClient,
		newClusterCommand(e), newNodeGroupCommand(e), newNodeCommand(e), newEventCommand(e), newImageCommand(e), newKeypairCommand(e))
	add(groupOperator,
		newUpCommand(e), newDownCommand(e), newServeCommand(e), newStatusCommand(e), newProjectCommand(e), newUserCommand(e),
		newFlavorCommand(e), newNetworkCommand(e), newSubnetCommand(e), newQuotaCommand(e),
		newBundleCommand(e), newSweepCommand(e))
	root.AddCommand(newAgentCommand(e), newVersionCommand(e))
	usageArgs(root)
	return root
}

// usageArgs makes wrong arguments of every command below cmd usage errors,
// and a family named without a member, too.
func usageArgs(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	} else if cmd.HasSubCommands() {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%s has no command %q", c.CommandPath(), args[0])
			}
			return nil
		}
		cmd.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	for _, sub := range cmd.Commands() {
		usageArgs(sub)
	}
}

// The groups that help shows commands in.
const (
	groupClient   = "client"
	groupOperator = "operator"
)
