package serve

import (
	"context"
	"errors"
	"log/slog"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/local"
)

// openLocal opens the driver of this host.
func openLocal(ctx context.Context, c *Config, log *slog.Logger) (infra.Driver, error) {
	d, err := local.New(ctx, local.Config{
		StateDir: c.StateDir, CacheDir: c.CacheDir, AgentPort: c.AgentPort,
		ReservedMemoryMB: c.ReservedMemoryMB, CPUOvercommit: c.CPUOvercommit, Log: log,
	})
	if err != nil {
		return nil, err
	}
	i := Installation{ID: d.InstallationID(), StateDir: c.StateDir}
	if err := errors.Join(i.Note(), i.NoteInCache(c.CacheDir)); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}
