package local

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/infratest"
	"github.com/hanok/hanok/internal/infra/local/machines"
	"github.com/hanok/hanok/internal/rootfs"
)

// obedient is a PID 1 that ends when it is asked to.
var obedient = []string{"/bin/bash", "-c", "trap 'exit 0' TERM; while :; do sleep 600 & wait $!; done"}

func cacheDir(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes machines and networks")
	}
	cache := os.Getenv("HANOK_CACHE_DIR")
	if cache == "" {
		cache = "/var/cache/hanok"
	}
	if _, err := rootfs.Lookup(cache); err != nil {
		t.Skipf("needs the machines' Debian tree: %v", err)
	}
	return cache
}

// stateDir makes a state directory with a name that tells a test's from others.
func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", fmt.Sprintf("hanok-test-%d-", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// note tells `hanok sweep` whose the driver's names on the host are, for when
// the test is killed.
func note(t *testing.T, d *Driver) {
	t.Helper()
	file := filepath.Join("/run/hanok/installations", d.id)
	t.Cleanup(func() { os.Remove(file) })
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, fmt.Appendf(nil, `{"id":%q,"state_dir":%q}`, d.id, d.stateDir), 0o644); err != nil {
		t.Fatal(err)
	}
}

// open makes a driver in a state directory of its own, and removes all of it
// after the test.
func open(t *testing.T) *Driver {
	t.Helper()
	d, err := New(t.Context(), Config{
		StateDir: stateDir(t), CacheDir: cacheDir(t), AgentBinary: "/bin/true", Init: obedient,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	note(t, d)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := d.Destroy(ctx); err != nil {
			t.Errorf("Destroy: %v", err)
			_ = Sweep(ctx, d.id)
		}
		if left, err := Found(d.id); err != nil || len(left) > 0 {
			t.Errorf("after Destroy the host has %v (%v)", left, err)
		}
	})
	if err := d.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestConformance(t *testing.T) {
	var current *Driver
	infratest.Run(t, func(t *testing.T) infra.Driver { current = open(t); return current }, infratest.Options{
		Serve:      func(t *testing.T, m infra.Machine) netip.AddrPort { return serveID(t, current, m) },
		Flavor:     infra.Flavor{ID: "small", Name: "m2.c1m1", VCPUs: 1, MemoryMB: 256},
		Resized:    infra.Flavor{ID: "larger", Name: "m2.c2m1", VCPUs: 2, MemoryMB: 512},
		BootVolume: infra.Volume{SizeGB: 2},
	})
}

// idServer says the machine's id to each connection and then echoes.
const idServer = `
import socket, sys, threading
def serve(c):
    with c:
        c.sendall((sys.argv[1] + "\n").encode())
        while data := c.recv(4096):
            c.sendall(data)
s = socket.create_server(("", 6443))
print("listening", flush=True)
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
`

// serveID runs idServer in a machine until the test ends.
func serveID(t *testing.T, d *Driver, m infra.Machine) netip.AddrPort {
	t.Helper()
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		err := d.machines.Exec(ctx, m.ID, []string{"python3", "-c", idServer, m.ID}, machines.Streams{Stdout: w, Stderr: t.Output()})
		w.CloseWithError(fmt.Errorf("the server ended: %w", err))
	}()
	if line, err := bufio.NewReader(r).ReadString('\n'); err != nil {
		t.Fatalf("serving in machine %s: %q, %v", m.ID, line, err)
	}
	return netip.AddrPortFrom(m.Addresses[0], 6443)
}

// TestSweepWithoutState removes an installation whose state directory is gone
// and whose machine runs, and leaves its neighbour alone.
func TestSweepWithoutState(t *testing.T) {
	cache := cacheDir(t)
	dir := stateDir(t)
	lost, err := New(t.Context(), Config{StateDir: dir, CacheDir: cache, AgentBinary: "/bin/true", Init: obedient})
	if err != nil {
		t.Fatal(err)
	}
	note(t, lost)
	t.Cleanup(func() { _ = Sweep(context.Background(), lost.id) })
	neighbour := open(t)
	activeMachine(t, lost)
	kept := activeMachine(t, neighbour)
	lost.Close()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	list, err := Found(lost.id)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, l := range list {
		kinds[l.Kind] = true
	}
	for _, kind := range []string{"process", "mount", "loop device", "cgroup", "network namespace", "nftables table", "address claim"} {
		if !kinds[kind] {
			t.Errorf("Found lists no %s: %v", kind, list)
		}
	}
	for range 2 {
		if err := Sweep(t.Context(), lost.id); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := Found(lost.id); err != nil || len(left) > 0 {
		t.Errorf("after Sweep the host has %v (%v)", left, err)
	}
	var out bytes.Buffer
	err = neighbour.machines.Exec(t.Context(), kept, []string{"cat", "/etc/hostname"}, machines.Streams{Stdout: &out})
	if err != nil || strings.TrimSpace(out.String()) != "node-0" {
		t.Errorf("the neighbour's machine says %q (%v)", out.String(), err)
	}
}

// activeMachine makes a machine on a network and gives its id.
func activeMachine(t *testing.T, d *Driver) string {
	t.Helper()
	p, err := d.CreatePort(t.Context(), infra.PortSpec{Key: "port", ClusterUUID: "c", ProjectID: "p", Subnet: testSubnet})
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.CreateMachine(t.Context(), infra.MachineSpec{
		Key: "machine", Name: "node-0", ClusterUUID: "c", ProjectID: "p", PortIDs: []string{p.ID},
		Flavor: infra.Flavor{ID: "f", VCPUs: 1, MemoryMB: 256}, BootVolume: infra.Volume{SizeGB: 2}, UserData: []byte("{}"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); m.Status != infra.MachineActive; time.Sleep(2 * time.Millisecond) {
		if m, err = d.Machine(t.Context(), m.ID); err != nil || m.Status == infra.MachineError || time.Now().After(deadline) {
			t.Fatalf("machine %+v, %v", m, err)
		}
	}
	return m.ID
}

var testSubnet = infra.Subnet{
	ID: "5c8a4c39-4a5c-4b6e-9a62-5d2c4a1b0e01", NetworkID: "5c8a4c39-4a5c-4b6e-9a62-5d2c4a1b0e02", Name: "subnet",
	CIDR: netip.MustParsePrefix("192.168.0.0/24"), Gateway: netip.MustParseAddr("192.168.0.1"), InternetGateway: true,
}

func TestInstallationID(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	first, err := installationID(dir)
	if err != nil || !installationRE.MatchString(first) {
		t.Fatalf("%q, %v", first, err)
	}
	if again, err := installationID(dir); err != nil || again != first {
		t.Errorf("%q, %v, want %q again", again, err, first)
	}
	if err := os.WriteFile(filepath.Join(dir, installationFile), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if id, err := installationID(dir); err == nil {
		t.Errorf("a damaged file gave %q", id)
	}
}
