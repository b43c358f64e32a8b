package serve

import (
	"context"
	"errors"
	"log/slog"

	"github.com/hanok/hanok/internal/infra"
)

func openLocal(ctx context.Context, c *Config, log *slog.Logger) (infra.Driver, error) {
	return nil, errors.New("machines of this host are not wired up yet")
}
