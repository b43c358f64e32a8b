package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/machine"
)

// The test binary is also the agent: as a process of its own it can be
// killed, can replace itself, and reaps nobody else's children.
const (
	envRole = "HANOK_TEST_AGENT_ROLE"
	envRoot = "HANOK_TEST_AGENT_ROOT"

	roleAgent   = "agent"   // an agent below envRoot
	roleMachine = "machine" // an agent as process 1 of new namespaces
)

func TestMain(m *testing.M) {
	switch os.Getenv(envRole) {
	case "":
		os.Exit(m.Run())
	case roleMachine:
		if err := isolate(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
	}
	os.Exit(runAgent())
}

func runAgent() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	root := os.Getenv(envRoot)
	version, _ := os.ReadFile(filepath.Join(root, "version"))
	err := Run(ctx, Options{
		Root:        root,
		OwnsMachine: os.Getenv(envRole) == roleMachine,
		Version:     string(version),
		Binary:      filepath.Join(root, "agent"),
		Log:         slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
		taken: func(s machine.State) {
			if s.Hostname == "panic" && string(version) == "one" {
				panic("as the test wants it")
			}
		},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// isolate makes the new namespaces fit for an agent that owns its machine.
func isolate() error {
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("proc: %w", err)
	}
	// The host's cgroups are not this machine's to divide.
	if err := unix.Mount("tmpfs", "/sys/fs/cgroup", "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("cgroup: %w", err)
	}
	return nil
}
