package machines

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
)

// ErrNotRunning: no machine of that id runs on this host.
var ErrNotRunning = errors.New("the machine does not run")

// Enter runs a command as root inside a running machine of any installation on
// this host, also one whose service does not run. What the command itself ends
// with is an *exec.ExitError. ErrNotRunning when no such machine runs.
func Enter(ctx context.Context, inst, id string, argv []string, s Streams) error {
	m := &Manager{cfg: Config{InstallationID: inst, Runtime: "runc"}, runDir: runDir(inst)}
	init, err := m.running(id)
	if err != nil {
		return err
	}
	if init == nil {
		return fmt.Errorf("machine %s: %w", id, ErrNotRunning)
	}
	// No log file: what the runtime has to say goes to the operator.
	args := []string{"--root", runtimeRoot(inst), "exec", "--cwd", "/root"}
	for _, v := range s.Env {
		args = append(args, "--env", v)
	}
	if s.TTY {
		args = append(args, "--tty")
	}
	cmd := exec.CommandContext(ctx, m.cfg.Runtime, append(append(args, id), argv...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Stdin, s.Stdout, s.Stderr
	if err := cmd.Run(); errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("the OCI runtime %q is not installed (Debian package runc): %w", m.cfg.Runtime, err)
	} else if err != nil {
		return err
	}
	return nil
}
