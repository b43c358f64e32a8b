package local

import (
	"context"

	"github.com/hanok/hanok/internal/infra/local/machines"
)

// Streams are what a command in a machine reads and writes.
type Streams = machines.Streams

// ErrNotRunning: no machine of that id runs on this host.
var ErrNotRunning = machines.ErrNotRunning

// Enter runs a command as root inside a running machine of any installation on
// this host, also one whose service does not run; for operators. What the
// command itself ends with is an *exec.ExitError, ErrNotRunning when no
// such machine runs.
func Enter(ctx context.Context, installation, machineID string, argv []string, s Streams) error {
	return machines.Enter(ctx, installation, machineID, argv, s)
}
