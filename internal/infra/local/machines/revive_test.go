package machines

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/infra/local/machines/disk"
)

// TestRevive: a machine whose file system turned read-only on a full disk is
// left alone while the disk is full, and comes back with its files after that.
func TestRevive(t *testing.T) {
	free := int64(64 * disk.GiB) // for what the machine may be promised
	b := newBench(t, func(c *Config) {
		if err := unix.Mount("tmpfs", c.StateDir, "tmpfs", 0, "size=256m"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(c.StateDir, unix.MNT_DETACH) })
		h := thisHost
		h.promises = t.TempDir() // what others promise is none of this test's business
		if err := os.Mkdir(filepath.Join(h.promises, c.InstallationID), 0o700); err != nil {
			t.Fatal(err)
		}
		h.disk = func(string) (int64, int64, error) { return free, free, nil }
		c.host = &h
	})
	v := b.active()
	b.sh(v.ID, "echo kept > /etc/kept; sync")
	healthy := b.active()
	pids := map[string]int{v.ID: b.pid(v.ID), healthy.ID: b.pid(healthy.ID)}

	fill := filepath.Join(b.cfg.StateDir, "others")
	if err := os.WriteFile(fill, make([]byte, 512<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		points, err := disk.TurnedReadOnly(b.m.runOf(v.ID))
		if err != nil {
			t.Fatal(err)
		}
		if len(points) == 1 && points[0] == b.m.volumeDir(v.ID) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the volume did not turn read-only on a full disk: %v", points)
		}
		b.sh(v.ID, "for i in $(seq 100); do echo x > /var/lib/etcd/$RANDOM 2>/dev/null; done; sync")
	}

	free = reviveRoom - 1
	if err := b.m.revive(); err != nil {
		t.Fatal(err)
	}
	if b.pid(v.ID) != pids[v.ID] {
		t.Error("the machine was started again without room")
	}

	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	free = 64 * disk.GiB
	if err := b.m.revive(); err != nil {
		t.Fatal(err)
	}
	b.comesBack(v.ID, pids[v.ID])
	if got := b.sh(v.ID, "echo y > /var/lib/etcd/new && cat /etc/kept /var/lib/etcd/new"); got != "kept\ny" {
		t.Errorf("its files: %q", got)
	}
	if b.pid(healthy.ID) != pids[healthy.ID] {
		t.Error("a machine that could write was started again")
	}
}
