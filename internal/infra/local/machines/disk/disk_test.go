package disk

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestUnescape(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/plain": "/plain", `/a\040b`: "/a b", `/tab\011`: "/tab\t", `/back\134slash`: `/back\slash`, `/end\04`: `/end\04`,
	} {
		if got := unescape(in); got != want {
			t.Errorf("unescape(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestVolume walks a volume through its life: made, mounted twice, written,
// mounted again with its content, hidden mounts, gone.
func TestVolume(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes loop devices and mounts")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	dir := t.TempDir()
	file, mnt, root := filepath.Join(dir, "hanok-test.img"), filepath.Join(dir, "mnt"), filepath.Join(dir, "root")
	t.Cleanup(func() {
		_ = Unmount(context.Background(), dir)
		_ = Detach(context.Background(), file)
	})
	stale := file + ".7.partial" // of an attempt that was killed
	if err := os.WriteFile(stale, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for range 2 {
		if err := Create(ctx, file, 7*GiB); err != nil {
			t.Fatal(err)
		}
	}
	made := time.Since(begin)
	if n, err := Allocated(file); err != nil || n > 64<<20 {
		t.Errorf("the new volume takes up %d bytes (%v)", n, err)
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("the remains of a killed attempt are still there")
	}
	begin = time.Now()
	for range 2 {
		if err := Mount(ctx, file, mnt, "hanok-test"); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("made in %v, mounted in %v", made, time.Since(begin))
	_, total, err := Free(mnt)
	if err != nil || total < 67*GiB/10 || total > 7*GiB {
		t.Errorf("the file system has %d bytes (%v), want almost 7 GiB", total, err)
	}
	lower := filepath.Join(dir, "lower")
	if err := os.MkdirAll(lower, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(lower, "from-tree"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Overlay(lower, filepath.Join(mnt, "upper"), filepath.Join(mnt, "work"), root); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "kept"), []byte("kept"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", filepath.Join(mnt, "upper"), "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	if points, err := Mounts(dir); err != nil || len(points) != 3 {
		t.Errorf("mounts %v (%v), want three", points, err)
	}

	// A file held open makes the mount busy: it goes away lazily.
	held, err := os.Open(filepath.Join(root, "kept"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Unmount(ctx, dir); err != nil {
		t.Fatal(err)
	}
	if points, _ := Mounts(dir); len(points) != 0 {
		t.Errorf("mounts %v remain", points)
	}
	short, stop := context.WithTimeout(ctx, 50*time.Millisecond)
	if err := Detach(short, file); err == nil {
		t.Error("Detach is content while the device is in use")
	}
	stop()
	held.Close()
	if err := Detach(ctx, file); err != nil {
		t.Fatal(err)
	}

	if err := Mount(ctx, file, mnt, "hanok-test"); err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(filepath.Join(mnt, "upper", "kept")); err != nil || string(raw) != "kept" {
		t.Errorf("after the second mount the file holds %q (%v)", raw, err)
	}
	for range 2 {
		if err := Unmount(ctx, dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := Detach(ctx, file); err != nil {
		t.Fatal(err)
	}
}

func TestOverlayRefusesUnfitPaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := Overlay("/a:b", dir+"/u", dir+"/w", dir+"/m"); err == nil {
		t.Error("a colon in the path was accepted")
	}
}
