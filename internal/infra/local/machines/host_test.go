package machines

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/local/machines/disk"
	"github.com/hanok/hanok/internal/rootfs"
)

// obedient is a PID 1 that ends when it is asked to.
var obedient = []string{"/bin/bash", "-c", "echo started; trap 'exit 0' TERM; while :; do sleep 600 & wait $!; done"}

// testTree gives the Debian tree of the machines.
func testTree(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes machines")
	}
	cache := os.Getenv("HANOK_CACHE_DIR")
	if cache == "" {
		cache = "/var/cache/hanok"
	}
	tree, err := rootfs.Lookup(cache)
	if err != nil {
		t.Skipf("needs the machines' Debian tree: %v", err)
	}
	return tree
}

func randomInstallation() string {
	var b [3]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// emptyNetworks gives each machine a namespace with nothing in it. They are
// kept apart from /run/netns, where other tests mount and unmount.
type emptyNetworks struct{ inst string }

func (n emptyNetworks) path(id string) string { return filepath.Join(runDir(n.inst), "netns", id) }

func (n emptyNetworks) Port(_ context.Context, id string) (infra.Port, error) {
	addr, err := netip.ParseAddr(strings.TrimPrefix(id, "port-"))
	if err != nil {
		return infra.Port{}, hanok.NotFound("port", id)
	}
	return infra.Port{ID: id, Address: addr}, nil
}

func (n emptyNetworks) AttachMachine(_ context.Context, id string, _ []string) (string, error) {
	path := n.path(id)
	if mounted, err := disk.Mounted(path); err != nil || mounted {
		return path, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return "", err
	}
	return path, onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		return unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
	})
}

func (n emptyNetworks) DetachMachine(ctx context.Context, id string) error {
	if err := disk.Unmount(ctx, n.path(id)); err != nil {
		return err
	}
	if err := os.Remove(n.path(id)); !os.IsNotExist(err) {
		return err
	}
	return nil
}

// bench is an installation for one test.
type bench struct {
	*testing.T
	cfg Config
	m   *Manager
}

// newBench opens an installation of its own, and sees to its end even when
// the Manager is gone.
func newBench(t *testing.T, change func(*Config)) *bench {
	t.Helper()
	tree := testTree(t)
	inst := randomInstallation()
	b := &bench{T: t, cfg: Config{
		StateDir: stateDir(t, inst), BundlesDir: filepath.Join(t.TempDir(), "bundles"), InstallationID: inst,
		Network: emptyNetworks{inst}, Tree: func() (string, error) { return tree, nil },
		AgentBinary: "/bin/true", Init: obedient, StopGrace: 5 * time.Second,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo})),
	}}
	if err := os.MkdirAll(b.cfg.BundlesDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&b.cfg)
	}
	t.Cleanup(func() {
		if b.m != nil {
			b.m.Close()
		}
		if err := Remove(context.Background(), inst); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	b.open()
	return b
}

// stateDir makes a state directory, and notes it for `hanok sweep` to know it
// for a test's when the test is killed.
func stateDir(t *testing.T, inst string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", fmt.Sprintf("hanok-test-%d-", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	note := filepath.Join(runRoot, "installations", inst)
	t.Cleanup(func() {
		os.RemoveAll(dir)
		os.Remove(note)
	})
	if err := os.MkdirAll(filepath.Dir(note), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(note, fmt.Appendf(nil, `{"id":%q,"state_dir":%q}`, inst, dir), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (b *bench) open() {
	b.Helper()
	m, err := Open(b.Context(), b.cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.m = m
}

func (b *bench) spec() infra.MachineSpec {
	return infra.MachineSpec{
		Key: "key-" + uuid.NewString(), Name: "test-node-0", ClusterUUID: "cluster-1", ProjectID: "project-1",
		Role: hanok.RoleWorker, Flavor: infra.Flavor{ID: "f1", Name: "m2.c3", VCPUs: 3, MemoryMB: 512},
		Image: infra.Image{ID: "image-1"}, BootVolume: infra.Volume{SizeGB: 2},
		UserData: []byte(`{"machine_key":"k","token":"very-secret"}`), Zone: "zone-1",
	}
}

func (b *bench) create(spec infra.MachineSpec) infra.Machine {
	b.Helper()
	v, err := b.m.Create(b.Context(), spec)
	if err != nil {
		b.Fatal(err)
	}
	return v
}

// await polls until the machine has a state; MachineDeleted: is gone.
func (b *bench) await(id string, want infra.MachineStatus) infra.Machine {
	b.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		v, err := b.m.Machine(id)
		if want == infra.MachineDeleted && hanok.KindOf(err) == hanok.KindNotFound {
			return v
		}
		if err == nil && v.Status == want {
			return v
		}
		if time.Now().After(deadline) {
			b.Fatalf("machine %s is %s (%s, %v), want %s", id, v.Status, v.Fault, err, want)
		}
	}
}

// active makes a machine and waits until it runs.
func (b *bench) active() infra.Machine {
	b.Helper()
	return b.await(b.create(b.spec()).ID, infra.MachineActive)
}

// sh runs a shell command in a machine and gives what it prints.
func (b *bench) sh(id, command string) string {
	b.Helper()
	var out bytes.Buffer
	err := b.m.Exec(b.Context(), id, []string{"/bin/bash", "-c", command}, Streams{Stdout: &out, Stderr: &out})
	if err != nil {
		b.Fatalf("%s: %v: %s", command, err, out.String())
	}
	return strings.TrimSpace(out.String())
}

func (b *bench) pid(id string) int {
	b.Helper()
	init, err := b.m.running(id)
	if err != nil || init == nil {
		b.Fatalf("machine %s does not run (%v)", id, err)
	}
	return init.pid
}

// comesBack waits until the machine runs again, by another PID 1.
func (b *bench) comesBack(id string, pid int) {
	b.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if init, err := b.m.running(id); err == nil && init != nil && init.pid != pid {
			break
		}
		if time.Now().After(deadline) {
			now, _ := b.m.Machine(id)
			b.Fatalf("the machine did not come back: %+v", now)
		}
	}
	b.await(id, infra.MachineActive)
}

// nothingLeft checks that no trace of the machine is on the host but the
// installation's own directories.
func (b *bench) nothingLeft(id string) {
	b.Helper()
	found, err := Found(b.cfg.InstallationID)
	if err != nil {
		b.Fatal(err)
	}
	for _, l := range found {
		if strings.Contains(l.Name, id) || l.Kind == "process" || l.Kind == "mount" || l.Kind == "loop device" {
			b.Errorf("%s %s remains", l.Kind, l.Name)
		}
	}
	for _, dir := range []string{b.m.stateOf(id), b.m.runOf(id), b.m.runtimeOf(id), emptyNetworks{b.cfg.InstallationID}.path(id)} {
		if _, err := os.Stat(dir); err == nil {
			b.Errorf("%s remains", dir)
		}
	}
	if b.m.cgroups.Exists(b.m.cgroupOf(id)) {
		b.Error("its control group remains")
	}
}

// kill ends a process on the host and waits until it has gone.
func kill(t *testing.T, pid int) {
	t.Helper()
	start, _, err := stat(pid)
	if err != nil {
		t.Fatal(err)
	}
	p := initProcess{pid: pid, start: start}
	if err := p.signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := p.wait(ctx); err != nil {
		t.Fatal(fmt.Errorf("process %d: %w", pid, err))
	}
}

func (b *bench) writeSpec(id string, spec any) {
	b.Helper()
	raw, err := json.Marshal(spec)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.m.runOf(id), "config.json"), raw, 0o600); err != nil {
		b.Fatal(err)
	}
}
