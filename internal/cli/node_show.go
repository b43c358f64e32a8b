package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/api/operator"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/machine"
)

// inspect asks the service of this host about a node.
func (s *socket) inspect(ctx context.Context, node string) (n operator.Node, err error) {
	err = s.do(ctx, http.MethodGet, "/nodes/"+url.PathEscape(node), nil, &n)
	return n, err
}

func newNodeShow(e env) *cobra.Command {
	var s socket
	var o output
	cmd := &cobra.Command{
		Use:   "show NODE",
		Short: "Show a node of this host, and what its agent reports",
		Long: `Show a node by name or UUID, whoever's it is, a control-plane member too: what
it should be, the state of its machine, and what the agent inside reports of
its processes and of the user's scripts. For operators: it needs root.`,
		Args:    cobra.ExactArgs(1),
		Example: "  hanok node show demo-default-w-ohw5ab5wpzug-node-0\n  hanok node show demo-master-0 -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := s.inspect(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return showNode(e.out, o, n, time.Now())
		},
	}
	s.register(e, cmd)
	o.register(cmd)
	return cmd
}

// showNode prints a node; what its agent reports of processes and scripts comes
// below it, while that holds.
func showNode(w io.Writer, o output, n operator.Node, now time.Time) error {
	if err := o.print(w, n, func(t *table) { nodeRows(t, n, now) }); err != nil || o.format != "table" || n.Report == nil || !runs(n) {
		return err
	}
	for _, fill := range []func(*table, *machine.Report) bool{processRows, scriptRows} {
		var section strings.Builder
		rows := false
		if err := o.print(&section, n, func(t *table) { rows = fill(t, n.Report) }); err != nil {
			return err
		}
		if rows {
			fmt.Fprintf(w, "\n%s", section.String())
		}
	}
	return nil
}

func nodeRows(t *table, n operator.Node, now time.Time) {
	t.row("name", n.Name)
	t.row("uuid", n.UUID)
	t.row("cluster", n.Cluster+" ("+n.ClusterUUID+")")
	t.row("role", n.Role)
	t.row("nodegroup", n.NodeGroup)
	t.row("status", n.Status)
	t.row("machine", n.Machine)
	if n.Fault != "" {
		t.row("fault", n.Fault)
	}
	t.row("address", n.Address)
	t.row("pod_cidr", n.PodCIDR)
	t.row("flavor_id", n.Flavor)
	t.row("version", n.Version)
	t.row("installation", n.Installation)
	if n.Report == nil {
		t.row("agent", "has not reported since the service started")
		return
	}
	r := n.Report
	if !runs(n) {
		t.row("agent", "is off with its machine; it reported last "+now.Sub(*n.ReportedAt).Round(time.Second).String()+" ago")
		return
	}
	t.row("agent", r.AgentVersion)
	t.row("reported", now.Sub(*n.ReportedAt).Round(time.Second).String()+" ago")
	t.row("ready", r.Ready)
	t.row("applied", r.Applied)
	if r.Error != "" {
		t.row("error", r.Error)
	}
}

// runs tells whether what the agent reported still holds.
func runs(n operator.Node) bool { return n.Machine == string(infra.MachineActive) }

func processRows(t *table, r *machine.Report) bool {
	t.row("PROCESS", "STATE", "PID", "RESTARTS", "SINCE", "LAST EXIT")
	for _, p := range r.Processes {
		t.row(p.Name, string(p.State), p.PID, p.Restarts, p.Since.Format(time.RFC3339), p.LastExit)
	}
	return len(r.Processes) > 0
}

func scriptRows(t *table, r *machine.Report) bool {
	t.row("SCRIPT", "STARTED", "TOOK", "EXIT CODE", "ERROR")
	for _, s := range r.Scripts {
		if s.Ended.IsZero() {
			t.row(s.Name, s.Started.Format(time.RFC3339), "runs", "", "")
			continue
		}
		t.row(s.Name, s.Started.Format(time.RFC3339), s.Ended.Sub(s.Started).Round(time.Millisecond), s.ExitCode, s.Error)
	}
	return len(r.Scripts) > 0
}
