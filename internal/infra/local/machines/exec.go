package machines

import (
	"context"
	"io"

	"github.com/hanok/hanok"
)

// Streams are what a command in a machine reads and writes.
type Streams struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// TTY gives the command a terminal; then Stdin and Stdout must be one.
	TTY bool
	// Env is added to the command's environment, NAME=VALUE; Enter alone reads it.
	Env []string
}

// Exec runs a command as root inside a running machine and waits for it. What
// the command itself ends with is an *exec.ExitError.
func (m *Manager) Exec(ctx context.Context, id string, argv []string, s Streams) error {
	if _, err := m.Machine(id); err != nil {
		return err
	}
	init, err := m.running(id)
	if err != nil {
		return err
	}
	if init == nil {
		return hanok.Errorf(hanok.KindConflict, "machine %s does not run; start it first", id)
	}
	args := []string{"exec", "--cwd", "/"}
	if s.TTY {
		args = append(args, "--tty")
	}
	cmd := m.runtime(ctx, id, append(append(args, id), argv...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Stdin, s.Stdout, s.Stderr
	return cmd.Run()
}
