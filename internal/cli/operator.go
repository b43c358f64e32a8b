package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/api/operator"
	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/internal/serve"
)

// errNoService: nothing listens on the operators' socket.
var errNoService = errors.New("no service runs")

// socket is the operators' way to a service on this host.
type socket struct{ stateDir string }

func (s *socket) register(e env, cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&s.stateDir, "state-dir", envOr(e, "HANOK_STATE_DIR", serve.DefaultStateDir), "state directory of the service")
}

// do sends a command; in and out may be nil.
func (s *socket) do(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	name := filepath.Join(s.stateDir, operator.SocketName)
	c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", name)
	}}}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://operator"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s is root's alone: run this as root", name)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w on %s: start it with hanok serve, or name another with --state-dir", errNoService, s.stateDir)
	case err != nil:
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 400 {
		var e struct {
			Error struct {
				Title   string `json:"title"`
				Message string `json:"message"`
			} `json:"error"`
		}
		if json.Unmarshal(answer, &e) != nil || e.Error.Message == "" {
			e.Error.Message = resp.Status
		}
		return &client.Error{Status: resp.StatusCode, Title: e.Error.Title, Detail: e.Error.Message, Method: method, URL: path}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

func newStatusCommand(e env) *cobra.Command {
	var s socket
	var o output
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show the service of this host, and what is promised to machines",
		Args:    cobra.NoArgs,
		Example: "  hanok status",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var st operator.Status
			if err := s.do(cmd.Context(), http.MethodGet, "/status", nil, &st); err != nil {
				return err
			}
			return o.print(e.out, st, func(t *table) {
				t.row("version", st.Version)
				t.row("process", st.PID)
				t.row("installation", st.Installation)
				t.row("api", st.Address)
				t.row("agents", st.AgentAddress)
				t.row("state", st.StateDir)
				c := st.Capacity
				t.row("vcpus", fmt.Sprintf("%d of %d (%d x %g)", c.UsedVCPUs, int(float64(c.VCPUs)*c.CPUOvercommit), c.VCPUs, c.CPUOvercommit))
				t.row("memory", fmt.Sprintf("%d of %d MiB", c.UsedMemoryMB, c.MemoryMB))
				t.row("disk", fmt.Sprintf("%d of %d GiB", c.UsedDiskGB, c.DiskGB))
			})
		},
	}
	s.register(e, cmd)
	o.register(cmd)
	return cmd
}
