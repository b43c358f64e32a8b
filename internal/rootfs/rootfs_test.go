package rootfs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// made is the cache directory of this run.
var made string

// buildOnce builds a real tree for the tests of this package; it skips where
// that cannot be done here.
var buildOnce = sync.OnceValues(func() (string, error) {
	cache, err := os.MkdirTemp("", "hanok-rootfs-test-")
	if err != nil {
		return "", err
	}
	made = cache
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	_, err = Build(ctx, cache, nil)
	return cache, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if made != "" {
		_ = os.RemoveAll(made)
	}
	// What a killed run left; younger ones may belong to a run beside this.
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "hanok-rootfs-test-*"))
	for _, dir := range left {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(dir)
		}
	}
	os.Exit(code)
}

func builtTree(t *testing.T) (cache, dir string) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a Debian tree: skipped with -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("building a Debian tree needs root")
	}
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		t.Skip("mmdebstrap is not installed")
	}
	cache, err := buildOnce()
	if err != nil {
		t.Fatalf("Build: %v", err)
	}
	dir, err = Lookup(cache)
	if err != nil {
		t.Fatalf("Lookup after Build: %v", err)
	}
	return cache, dir
}

func TestLookupWithoutTree(t *testing.T) {
	t.Parallel()
	_, err := Lookup(t.TempDir())
	if !errors.Is(err, ErrNotBuilt) {
		t.Errorf("Lookup of an empty cache = %v, want ErrNotBuilt", err)
	}
}

func TestLookupOfEmptiedTree(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	dir := treeDir(cache)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+".json", []byte(`{"release":"debian-12"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Lookup(cache)
	if err == nil || errors.Is(err, ErrNotBuilt) || !strings.Contains(err.Error(), "hanok bundle build") {
		t.Errorf("Lookup of a tree without files = %v, want an error that tells what to do", err)
	}
}

func TestBuildContent(t *testing.T) {
	_, dir := builtTree(t)
	for _, path := range []string{
		"usr/bin/bash", "usr/bin/python3", "usr/sbin/sshd", "usr/bin/containerd", "usr/bin/ctr", "usr/sbin/runc",
		"usr/sbin/iptables", "usr/sbin/nft", "usr/sbin/ipset", "usr/sbin/conntrack", "usr/sbin/ip", "usr/bin/ping",
		"usr/bin/kmod", "usr/bin/mount", "usr/sbin/mkfs.ext4", "usr/bin/ps", "usr/bin/curl", "usr/bin/sudo",
		"usr/sbin/ethtool", "usr/bin/less", "etc/ssl/certs/ca-certificates.crt",
		"opt/hanok", "var/lib/kubelet", "etc/cni/net.d", "opt/cni/bin", "home/debian/.bashrc",
	} {
		if _, err := os.Lstat(filepath.Join(dir, path)); err != nil {
			t.Errorf("missing: %v", err)
		}
	}
	for _, pattern := range []string{
		"etc/ssh/ssh_host_*", "dev/*", "run/*", "var/lib/apt/lists/*", "usr/share/man/*", "lib/systemd/systemd", "boot/*",
	} {
		if found, _ := filepath.Glob(filepath.Join(dir, pattern)); len(found) > 0 {
			t.Errorf("left in the tree: %v", found)
		}
	}
	if id, err := os.ReadFile(filepath.Join(dir, "etc/machine-id")); err != nil || len(id) != 0 {
		t.Errorf("machine-id = %q, %v; want an empty file", id, err)
	}
	if name, err := os.Hostname(); err == nil {
		if text, _ := os.ReadFile(filepath.Join(dir, "etc/hostname")); strings.TrimSpace(string(text)) == name {
			t.Errorf("the tree knows the building host's name %q", name)
		}
	}
	info, err := os.Stat(filepath.Dir(filepath.Dir(dir)))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the trees' directory has mode %v, %v; want 0700: it holds setuid programs", info.Mode(), err)
	}
}

func TestBuildLogin(t *testing.T) {
	_, dir := builtTree(t)
	ctx := t.Context()
	if out, err := chroot(ctx, dir, "su", "-s", "/bin/bash", loginUser, "-c", "sudo -n id -u"); err != nil || !strings.HasSuffix("\n"+string(out), "\n0\n") {
		t.Errorf("sudo of the login user: %q, %v", out, err)
	}
	if out, err := chroot(ctx, dir, "getent", "shadow", loginUser); err != nil || !strings.HasPrefix(string(out), loginUser+":*:") {
		t.Errorf("shadow entry %q, %v; want a password that nothing matches, not a locked account", out, err)
	}
}

func TestBuildRecord(t *testing.T) {
	cache, dir := builtTree(t)
	record, err := ReadRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		if record.Packages[p] == "" {
			t.Errorf("the record has no version of %s", p)
		}
	}
	if _, ok := record.Packages["systemd"]; ok {
		t.Error("systemd is in the tree")
	}
	if record.Size < 100<<20 || record.Size > 600<<20 {
		t.Errorf("size %d MB is not plausible", record.Size>>20)
	}
	began := time.Now()
	again, err := Build(t.Context(), cache, func(phase string) func(error) {
		t.Errorf("a second build did %q", phase)
		return func(error) {}
	})
	if err != nil || again != dir {
		t.Errorf("second Build = %s, %v", again, err)
	}
	t.Logf("tree of %d MB, %d packages; second build took %s", record.Size>>20, len(record.Packages), time.Since(began))
}

func TestLockWaits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
	defer cancel()
	if _, err := Lock(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("second lock = %v, want to wait until the deadline", err)
	}
	unlock()
	unlock, err = Lock(t.Context(), path)
	if err != nil {
		t.Fatalf("lock after unlock: %v", err)
	}
	unlock()
}
