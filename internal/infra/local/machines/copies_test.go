package machines

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/local/machines/disk"
)

// TestForeignMountNamespace: a mount namespace that somebody made while the
// machine ran holds copies of its mounts. Neither stopping nor deleting the
// machine waits for that namespace to end.
func TestForeignMountNamespace(t *testing.T) {
	b := newBench(t, nil)
	v := b.active()
	foreign := func() {
		t.Helper()
		cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", "echo there; exec sleep 60")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		if _, err := out.Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		mounts, err := os.ReadFile("/proc/" + procID(cmd) + "/mounts")
		if err != nil || !strings.Contains(string(mounts), b.m.volumeDir(v.ID)) {
			t.Fatalf("the other namespace has no copy of the machine's volume (%v)", err)
		}
	}
	soon := func(what string, since time.Time) {
		t.Helper()
		if took := time.Since(since); took > 10*time.Second {
			t.Errorf("%s took %v: it waited for the other namespace", what, took)
		}
	}

	foreign()
	begin := time.Now()
	if err := b.m.Stop(v.ID); err != nil {
		t.Fatal(err)
	}
	b.await(v.ID, infra.MachineShutoff)
	soon("stopping", begin)

	if err := b.m.Start(v.ID); err != nil {
		t.Fatal(err)
	}
	b.await(v.ID, infra.MachineActive)
	foreign()
	begin = time.Now()
	if err := b.m.Delete(v.ID); err != nil {
		t.Fatal(err)
	}
	b.await(v.ID, infra.MachineDeleted)
	soon("deleting", begin)

	v = b.active()
	foreign()
	b.m.Close()
	begin = time.Now()
	if err := Remove(t.Context(), b.cfg.InstallationID); err != nil {
		t.Fatal(err)
	}
	soon("sweeping", begin)
	if loops, err := loopsOf(b.cfg.InstallationID); err != nil || len(loops) > 0 {
		t.Errorf("loop devices %v remain (%v)", loops, err)
	}
	if points, err := disk.Mounts(runDir(b.cfg.InstallationID)); err != nil || len(points) > 0 {
		t.Errorf("mounts %v remain (%v)", points, err)
	}
}

func procID(cmd *exec.Cmd) string { return strconv.Itoa(cmd.Process.Pid) }
