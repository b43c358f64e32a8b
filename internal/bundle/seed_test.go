package bundle

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/machine/seed"
	"github.com/hanok/hanok/internal/rootfs"
)

// debianTree returns the machines' tree: the one of this host where there is
// one, else one of the test's own.
func debianTree(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs containerd in a Debian tree: skipped with -short")
	}
	if os.Geteuid() != 0 {
		t.Skip("running containerd needs root")
	}
	dir, err := rootfs.Lookup(Open("").Dir())
	if err == nil {
		return dir
	}
	if !errors.Is(err, rootfs.ErrNotBuilt) {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		t.Skip("mmdebstrap is not installed")
	}
	if dir, err = rootfs.Build(t.Context(), t.TempDir(), nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// machineScript starts containerd on a seeded directory, in namespaces that
// end with it, and runs the image's program. Arguments: the tree, the bundles'
// directory, the containerd root, the image.
const machineScript = `
set -eu
tree=$1 bundles=$2 root=$3 image=$4
mount --bind "$tree" "$tree"
mount -t proc proc "$tree/proc"
mount --rbind /dev "$tree/dev"
mount --rbind /sys "$tree/sys"
mount -t tmpfs tmpfs "$tree/run"
mount -t tmpfs tmpfs "$tree/tmp"
mount --bind "$root" "$tree/var/lib/containerd"
# As in a machine: the bundles are read-only, at the path that the seed's links name.
mount -t tmpfs tmpfs "$tree/opt/hanok"
mkdir -p "$tree$bundles" "$tree/tmp/old"
mount --bind "$bundles" "$tree$bundles"
mount -o remount,bind,ro "$tree$bundles"
cd "$tree"
pivot_root . tmp/old
umount -l /tmp/old
printf 'version = 2\nroot = "/var/lib/containerd"\nstate = "/run/containerd"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "/run/c.sock"\n[plugins."io.containerd.internal.v1.opt"]\npath = "/run/opt"\n' >/run/c.toml
containerd --config /run/c.toml >/run/log 2>&1 &
daemon=$!
tries=0
until ctr --address /run/c.sock version >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ $tries -lt 200 ] || { cat /run/log; exit 1; }
	sleep 0.05
done
ctr() { command ctr --address /run/c.sock --namespace k8s.io "$@"; }
ctr images check | grep -v complete | grep -v STATUS && exit 1
ctr run --rm "$image" one || { tail -n 20 /run/log; exit 1; }
ctr images remove --sync $(ctr images list -q) >/dev/null
tries=0
while [ -n "$(ls /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots)" ]; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || { echo "snapshots stay after the images went"; exit 1; }
	sleep 0.1
done
kill $daemon
wait $daemon || true
`

// TestSeed builds a bundle with a seed, gives it to a machine, and lets that
// machine's containerd run the image and delete it: the bundle stays whole.
func TestSeed(t *testing.T) {
	t.Parallel()
	tree := debianTree(t)
	rec := &recorder{}
	// Below /tmp the test's own directory would hide behind the machine's /tmp.
	dir, err := os.MkdirTemp("/var/tmp", "hanok-seed-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := Open(filepath.Join(dir, "cache"))
	b, err := c.Build(t.Context(), Options{Version: "v1.99.0", SourceDir: sources(t), Tree: tree, Progress: rec.begin})
	if err != nil {
		t.Fatal(err)
	}
	if s := b.Manifest.Seed; s == nil || s.Dir != seed.Dir || s.Containerd == "" || len(s.Refs) != 1 {
		t.Fatalf("seed = %+v", b.Manifest.Seed)
	}
	withCapability := 0
	for _, f := range b.Manifest.Files {
		if f.Capability != "" {
			withCapability++
			if !strings.HasSuffix(f.Path, "/fs/dns") {
				t.Errorf("%s has file capabilities", f.Path)
			}
		}
	}
	if withCapability != 1 {
		t.Errorf("%d files with capabilities, want the image's program", withCapability)
	}

	root := filepath.Join(dir, "containerd")
	if err := seed.Apply(b.Dir, root); err != nil {
		t.Fatal(err)
	}
	out, err := rootfs.Isolated(t.Context(), "/bin/sh", "-c", machineScript, "machine", tree, filepath.Join(c.Dir(), "bundles"), root, "registry.example/dns:v1")
	if err != nil || !strings.Contains(string(out), "bridge") {
		t.Errorf("a machine on the seed: %v\n%s", err, out)
	}
	if _, err := c.Verify(t.Context(), "v1.99.0"); err != nil {
		t.Errorf("the machine changed the bundle: %v", err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if point := strings.Fields(line)[4]; strings.HasPrefix(point, tree) || strings.HasPrefix(point, dir) {
			t.Errorf("left on the host: a mount at %s", point)
		}
	}

	// Without its file capability the program could not bind its port.
	for _, f := range b.Manifest.Files {
		if f.Capability == "" {
			continue
		}
		if err := unix.Lremovexattr(b.Path(f.Path), "security.capability"); err != nil {
			t.Fatal(err)
		}
		var damaged *damagedError
		if _, err := c.Verify(t.Context(), "v1.99.0"); !errors.As(err, &damaged) {
			t.Errorf("Verify without the file capability = %v", err)
		}
	}
}
