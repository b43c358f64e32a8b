package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/infra/local"
	"github.com/hanok/hanok/internal/serve"
)

func newDownCommand(e env) *cobra.Command {
	q := &quickstart{e: e}
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Remove the service of this host, its clusters and its state",
		Args:  cobra.NoArgs,
		Long: `Stop the service, remove its clusters, machines and networks, give changed host
settings their old values, and remove the state directory and run/. Bundles
and root trees in the cache directory stay, because they take minutes to
build: "make clean-cache" removes them.`,
		Example: "  hanok down",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := q.check(); err != nil {
				return err
			}
			return q.down(cmd.Context())
		},
	}
	q.register(cmd)
	return cmd
}

// stopPatience is how long a service may take to stop before it is killed.
const stopPatience = 20 * time.Second

func (q *quickstart) down(ctx context.Context) error {
	pid, err := serve.Running(q.stateDir)
	if err != nil {
		return err
	}
	if err := serve.Stop(ctx, q.stateDir, stopPatience); err != nil {
		return err
	}
	if pid != 0 {
		q.say("service", "process %d has ended", pid)
	}
	inst, err := serve.InstallationIn(q.stateDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		q.say("host", "no installation in %s", q.stateDir)
	case err != nil:
		return err
	default:
		found, err := local.Found(inst.ID)
		if err != nil {
			return err
		}
		if err := local.Sweep(ctx, inst.ID); err != nil {
			return err
		}
		if err := serve.Forget(inst.ID); err != nil {
			return err
		}
		q.say("host", "removed %d things of installation %s", len(found), inst.ID)
		if err := removeState(q.stateDir); err != nil {
			return err
		}
		q.say("state", "removed %s", q.stateDir)
	}
	if err := os.RemoveAll(q.path("run")); err != nil {
		return err
	}
	q.say("cache", "kept %s (make clean-cache removes it)", q.cacheDir)
	return nil
}

// removeState removes a state directory, unless something is mounted in it:
// removing would reach through the mount.
func removeState(dir string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("look for mounts: %w", err)
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], filepath.Clean(dir)+"/") {
			return fmt.Errorf("%s stays: %s is still mounted in it", dir, fields[4])
		}
	}
	return os.RemoveAll(dir)
}
