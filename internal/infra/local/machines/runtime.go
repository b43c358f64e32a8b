package machines

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func runtimeRoot(inst string) string { return filepath.Join(runDir(inst), "runc") }
func (m *Manager) runtimeOf(id string) string {
	return filepath.Join(runtimeRoot(m.cfg.InstallationID), id)
}
func (m *Manager) runtimeLog(id string) string { return filepath.Join(m.runOf(id), "runtime.log") }

// runtime prepares a call of the OCI runtime.
func (m *Manager) runtime(ctx context.Context, id string, args ...string) *exec.Cmd {
	global := []string{"--root", runtimeRoot(m.cfg.InstallationID), "--log", m.runtimeLog(id), "--log-format", "json"}
	return exec.CommandContext(ctx, m.cfg.Runtime, append(global, args...)...)
}

// runtimeError gives the runtime's own words for a failed call.
func (m *Manager) runtimeError(id, call string, err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("the OCI runtime %q is not installed (Debian package runc): %w", m.cfg.Runtime, err)
	}
	message := "it gave no reason"
	raw, _ := os.ReadFile(m.runtimeLog(id))
	for line := range bytes.Lines(raw) {
		var entry struct{ Level, Msg string }
		if json.Unmarshal(line, &entry) == nil && entry.Level == "error" {
			message = entry.Msg
		}
	}
	return fmt.Errorf("%s %s of machine %s: %w: %s", m.cfg.Runtime, call, id, err, message)
}

// create makes the machine's namespaces; its PID 1 waits in them to be started.
func (m *Manager) create(ctx context.Context, id, bundle string) (*initProcess, error) {
	console, err := m.openConsole(id)
	if err != nil {
		return nil, err
	}
	defer console.Close()
	cmd := m.runtime(ctx, id, "create", "--bundle", bundle, id)
	// Plain files: the machine holds them when the runtime has gone, and no
	// pipe ties it to this process.
	cmd.Stdout, cmd.Stderr = console, console
	if err := cmd.Run(); err != nil {
		return nil, m.runtimeError(id, "create", err)
	}
	init, err := m.created(id)
	if err == nil && init == nil {
		err = fmt.Errorf("machine %s ended before it was started", id)
	}
	return init, err
}

// startInit lets PID 1 begin.
func (m *Manager) startInit(ctx context.Context, id string) error {
	if err := m.runtime(ctx, id, "start", id).Run(); err != nil {
		return m.runtimeError(id, "start", err)
	}
	return nil
}

// created gives the machine's PID 1, started or waiting to be; nil when there
// is none.
func (m *Manager) created(id string) (*initProcess, error) {
	raw, err := os.ReadFile(filepath.Join(m.runtimeOf(id), "state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var state struct {
		PID   int    `json:"init_process_pid"`
		Start uint64 `json:"init_process_start"`
	}
	if json.Unmarshal(raw, &state) != nil || state.PID <= 0 {
		return nil, nil // the runtime was killed while it wrote
	}
	init := &initProcess{pid: state.PID, start: state.Start}
	if !init.alive() {
		return nil, nil
	}
	return init, nil
}

// running gives the PID 1 of a machine that was started and has not ended,
// nil where there is none.
func (m *Manager) running(id string) (*initProcess, error) {
	init, err := m.created(id)
	if init == nil || err != nil {
		return nil, err
	}
	// The runtime removes this pipe once PID 1 was told to begin.
	if _, err := os.Lstat(filepath.Join(m.runtimeOf(id), "exec.fifo")); err == nil {
		return nil, nil
	}
	return init, nil
}

// openConsole begins a new console file and keeps the last one.
func (m *Manager) openConsole(id string) (*os.File, error) {
	path := m.consoleOf(id)
	if err := os.Rename(path, path+".1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, 0o640)
	if err != nil {
		return nil, fmt.Errorf("opening the console of machine %s: %w", id, err)
	}
	return f, nil
}
