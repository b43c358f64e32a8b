package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/hanok/hanok/internal/infra/local"
)

// place is where a node's machine is on this host.
type place struct {
	installation, machine string
	name                  string // as the user named it
	status                string // of the machine; "" when no service could be asked
}

// place finds a node's machine: by the service, or without it by the machine's
// UUID alone.
func (s *socket) place(ctx context.Context, node string) (place, error) {
	if os.Geteuid() != 0 {
		return place{}, errors.New("the inside of machines is root's alone: run this as root")
	}
	n, err := s.inspect(ctx, node)
	switch {
	case err == nil && n.UUID == "":
		return place{}, fmt.Errorf("node %s has no machine yet: its status is %s", node, n.Status)
	case err == nil:
		return place{installation: n.Installation, machine: n.UUID, name: node, status: n.Machine}, nil
	case !errors.Is(err, errNoService):
		return place{}, err
	case uuid.Validate(node) != nil:
		return place{}, fmt.Errorf("%w; without it a node is found by its UUID alone", err)
	}
	raw, readErr := os.ReadFile(filepath.Join(s.stateDir, "installation"))
	if errors.Is(readErr, fs.ErrNotExist) {
		return place{}, err
	}
	return place{installation: strings.TrimSpace(string(raw)), machine: strings.ToLower(node), name: node}, readErr
}

// enter runs a command in the machine. A machine that does not run is an
// error that says what to do.
func (p place) enter(ctx context.Context, argv []string, s local.Streams) error {
	err := local.Enter(ctx, p.installation, p.machine, argv, s)
	var exit *exec.ExitError
	switch {
	case errors.Is(err, local.ErrNotRunning) && p.status != "":
		return fmt.Errorf("the machine of node %s does not run (it is %s): hanok node show %s says more", p.name, p.status, p.name)
	case errors.Is(err, local.ErrNotRunning):
		return fmt.Errorf("no machine %s runs on this host; is it another installation's? Name its --state-dir", p.machine)
	case errors.As(err, &exit):
		return remoteExit{exit.ExitCode()}
	}
	return err
}

// remoteExit is how a command inside a machine ended. The command said what
// there is to say.
type remoteExit struct{ code int }

func (r remoteExit) Error() string {
	return fmt.Sprintf("the command in the machine ended with exit code %d", r.code)
}

func newNodeShell(e env) *cobra.Command {
	var s socket
	cmd := &cobra.Command{
		Use:   "shell NODE [-- COMMAND...]",
		Short: "Open a shell inside a node of this host, or run a command there",
		Long: `Open a shell as root inside the machine of a node, a control-plane member too, or
run a command there and end with its exit code. It enters the machine by itself:
neither ssh nor Kubernetes need to work. For operators: it needs root.`,
		Args:    cobra.MinimumNArgs(1),
		Example: "  hanok node shell demo-master-0\n  hanok node shell demo-default-w-ohw5ab5wpzug-node-0 -- ctr -n k8s.io tasks ls",
		RunE: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); len(args) > 1 && dash != 1 {
				return usagef("put -- between the node and the command: hanok node shell NODE -- COMMAND")
			}
			p, err := s.place(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			streams := local.Streams{Stdin: e.in, Stdout: e.out, Stderr: e.err}
			argv := args[1:]
			if len(argv) == 0 {
				argv = []string{"/bin/bash", "--login"}
			}
			if streams.TTY = isTerminal(e.in) && isTerminal(e.out); streams.TTY {
				streams.Env = []string{"TERM=" + e.getenv("TERM")}
			}
			return p.enter(cmd.Context(), argv, streams)
		},
	}
	s.register(e, cmd)
	return cmd
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
