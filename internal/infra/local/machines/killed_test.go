package machines

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/infra"
)

// TestKilledService kills a process that is at work on machines, at moments
// all over the work, and lets another one finish it.
func TestKilledService(t *testing.T) {
	b := newBench(t, nil)
	for i := range 8 {
		pause := time.Duration(i) * 12 * time.Millisecond
		b.m.Close()
		cmd := exec.Command(os.Args[0], "-test.run=^TestServiceForKilling$", "-test.v")
		cmd.Env = append(os.Environ(), "HANOK_KILL_STATE="+b.cfg.StateDir, "HANOK_KILL_BUNDLES="+b.cfg.BundlesDir,
			"HANOK_KILL_INSTALLATION="+b.cfg.InstallationID)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// It prints a line when it has begun.
		for buf := make([]byte, 4096); ; {
			n, err := out.Read(buf)
			if err != nil || strings.Contains(string(buf[:n]), "begun") {
				break
			}
		}
		time.Sleep(pause)
		_ = cmd.Process.Signal(unix.SIGKILL)
		_ = cmd.Wait()

		b.open()
		if err := b.m.Restore(t.Context()); err != nil {
			t.Fatal(err)
		}
		list := b.m.Machines("")
		if len(list) != 1 {
			t.Fatalf("killed after %v: %d machines on record, want 1", pause, len(list))
		}
		b.await(list[0].ID, infra.MachineActive)
		if err := b.m.Delete(list[0].ID); err != nil {
			t.Fatal(err)
		}
		b.await(list[0].ID, infra.MachineDeleted)
		b.nothingLeft(list[0].ID)
	}
}

// TestServiceForKilling is the process that TestKilledService kills.
func TestServiceForKilling(t *testing.T) {
	inst := os.Getenv("HANOK_KILL_INSTALLATION")
	if inst == "" {
		t.Skip("TestKilledService runs it")
	}
	tree := testTree(t)
	m, err := Open(context.Background(), Config{
		StateDir: os.Getenv("HANOK_KILL_STATE"), BundlesDir: os.Getenv("HANOK_KILL_BUNDLES"), InstallationID: inst,
		Network: emptyNetworks{inst}, Tree: func() (string, error) { return tree, nil },
		AgentBinary: "/bin/true", Init: obedient,
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, m: m}
	if _, err := m.Create(t.Context(), b.spec()); err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdout.WriteString("begun\n")
	select {} // until killed
}
