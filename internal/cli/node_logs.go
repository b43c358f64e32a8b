package cli

import (
	"regexp"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/infra/local"
)

// showLogs runs inside the machine: COMPONENT LINES [-F].
const showLogs = `cd /var/log/hanok || exit 1
have() { { ls ./*.log ../console.log ../userscript*.output 2>/dev/null; } | sed 's|.*/||; s|\.[a-z]*$||' | sort -u | tr '\n' ' '; }
if [ -z "$1" ]; then exec tail -v -n "$2" $3 ./*.log; fi
f="$1.log"
case "$1" in userscript|userscript_v2) f="../$1.output" ;; console) f=../console.log ;; esac
if [ ! -e "$f" ]; then echo "hanok: there is no log of $1 on this node; there are: $(have)" >&2; exit 3; fi
exec tail -n "$2" $3 "$f"`

var componentRule = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func newNodeLogs(e env) *cobra.Command {
	var s socket
	var follow bool
	var lines int
	cmd := &cobra.Command{
		Use:   "logs NODE [COMPONENT]",
		Short: "Show the logs of a node's components",
		Long: `Show the logs inside the machine of a node: of one component (agent, containerd,
kubelet, kube-proxy, flanneld, sshd, etcd, kube-apiserver, ..., console,
userscript, userscript_v2) or the ends of all. For operators: it needs root.`,
		Args:    cobra.RangeArgs(1, 2),
		Example: "  hanok node logs demo-master-0 kube-apiserver -f\n  hanok node logs demo-default-w-ohw5ab5wpzug-node-0",
		RunE: func(cmd *cobra.Command, args []string) error {
			component := ""
			if len(args) == 2 {
				component = args[1]
				if !componentRule.MatchString(component) {
					return usagef("%q is not the name of a component", component)
				}
			}
			if lines < 0 {
				return usagef("--lines %d is negative", lines)
			}
			if component == "" && !cmd.Flags().Changed("lines") {
				lines = 10
			}
			p, err := s.place(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			argv := []string{"/bin/sh", "-c", showLogs, "sh", component, strconv.Itoa(lines)}
			if follow {
				argv = append(argv, "-F")
			}
			return p.enter(cmd.Context(), argv, local.Streams{Stdout: e.out, Stderr: e.err})
		},
	}
	s.register(e, cmd)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is written")
	cmd.Flags().IntVarP(&lines, "lines", "n", 200, "how many lines to begin with (10 of each where no component is named)")
	return cmd
}
