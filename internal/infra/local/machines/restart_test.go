package machines

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

// TestComesBack: a machine that ends by itself is started again.
func TestComesBack(t *testing.T) {
	b := newBench(t, nil)
	v := b.active()
	b.sh(v.ID, "echo kept > /etc/kept")
	first := b.pid(v.ID)
	kill(t, first)
	b.comesBack(v.ID, first)
	if got := b.sh(v.ID, "cat /etc/kept"); got != "kept" {
		t.Errorf("it came back without its files: %q", got)
	}
}

// TestUserDataIsKept: what makes a machine this machine is on record until its
// volume has it for good, and brought to the volume again until then.
func TestUserDataIsKept(t *testing.T) {
	b := newBench(t, func(c *Config) { c.userDataPause = time.Millisecond })
	spec := b.spec()
	v := b.await(b.create(spec).ID, infra.MachineActive)
	recorded := func() bool {
		raw, err := os.ReadFile(filepath.Join(b.m.stateOf(v.ID), recordFile))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(raw), "user_data")
	}
	forgotten := func() {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); recorded(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the user data, a secret, stays on record")
			}
		}
	}
	forgotten()

	// As when the disk failed before it had the file.
	b.m.mu.Lock()
	b.m.entries[v.ID].record.UserData = spec.UserData
	b.m.mu.Unlock()
	first := b.pid(v.ID)
	b.sh(v.ID, ": > /etc/hanok/agent.json")
	kill(t, first)
	b.comesBack(v.ID, first)
	if got := b.sh(v.ID, "cat /etc/hanok/agent.json"); got != string(spec.UserData) {
		t.Errorf("it came back with the user data %q", got)
	}
	forgotten()
}

// TestEndsForgiven: the first ends in a row leave a machine in BUILD, so that
// whoever waits for it goes on waiting; one that ends again and again is in ERROR.
func TestEndsForgiven(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Init = []string{"/bin/bash", "-c", "sleep 0.1"} })
	v := b.create(b.spec())
	seen := map[infra.MachineStatus]int{}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		now, err := b.m.Machine(v.ID)
		if err != nil {
			t.Fatal(err)
		}
		b.m.mu.Lock()
		failures := b.m.entries[v.ID].failures
		b.m.mu.Unlock()
		if strings.Contains(now.Fault, "ended by itself") {
			seen[now.Status]++
		}
		if now.Status == infra.MachineError {
			if failures < endsForgiven {
				t.Errorf("in ERROR after %d ends (%s)", failures, now.Fault)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("never in ERROR: %+v", now)
		}
	}
	if seen[infra.MachineBuild] == 0 {
		t.Error("the first ends did not show as BUILD with their reason")
	}
}

// TestStoppedStaysStopped: what was stopped does not start with the service.
func TestStoppedStaysStopped(t *testing.T) {
	b := newBench(t, nil)
	v := b.active()
	if err := b.m.Stop(v.ID); err != nil {
		t.Fatal(err)
	}
	b.await(v.ID, infra.MachineShutoff)
	b.m.Close()
	b.open()
	if err := b.m.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now, _ := b.m.Machine(v.ID); now.Status != infra.MachineShutoff {
		t.Errorf("after Restore the machine is %s", now.Status)
	}
}

// TestReboot does to the machines what a reboot of the host does, and then
// what the service does when it starts.
func TestReboot(t *testing.T) {
	b := newBench(t, nil)
	v := b.active()
	b.sh(v.ID, "echo kept > /etc/kept; sync")
	b.m.Close()
	if err := Remove(t.Context(), b.cfg.InstallationID); err != nil {
		t.Fatal(err)
	}
	if err := b.m.cfg.Network.DetachMachine(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	b.open()
	if now, err := b.m.Machine(v.ID); err != nil || now.Key != v.Key {
		t.Fatalf("the record is lost: %+v, %v", now, err)
	}
	if err := b.m.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now, _ := b.m.Machine(v.ID); now.Status == infra.MachineActive {
		t.Error("the machine is called ACTIVE before it runs")
	}
	b.await(v.ID, infra.MachineActive)
	if got := b.sh(v.ID, "cat /etc/kept"); got != "kept" {
		t.Errorf("it came back without its files: %q", got)
	}
}

// TestUnfinished takes up machines as a killed service leaves them: on record
// only, half made, waiting to be started, half deleted.
func TestUnfinished(t *testing.T) {
	for name, leave := range map[string]func(b *bench, r *record){
		"recorded": func(b *bench, r *record) {},
		"volume begun": func(b *bench, r *record) {
			if err := os.WriteFile(b.m.volumeOf(r.Machine.ID)+".1.partial", []byte("half"), 0o600); err != nil {
				b.Fatal(err)
			}
		},
		"volume mounted": func(b *bench, r *record) {
			if err := b.m.prepareVolume(b.Context(), *r); err != nil {
				b.Fatal(err)
			}
		},
		"created, not started": func(b *bench, r *record) { b.createOnly(r) },
		"deletion begun": func(b *bench, r *record) {
			b.createOnly(r)
			r.Want = wantGone
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			r, err := b.m.newRecord(t.Context(), b.spec())
			if err != nil {
				t.Fatal(err)
			}
			id := r.Machine.ID
			if err := os.MkdirAll(b.m.stateOf(id), 0o700); err != nil {
				t.Fatal(err)
			}
			leave(b, r)
			if err := r.save(b.m.stateOf(id), true); err != nil {
				t.Fatal(err)
			}
			b.m.Close()
			b.open()
			if err := b.m.Restore(t.Context()); err != nil {
				t.Fatal(err)
			}
			if r.Want == wantRunning {
				b.await(id, infra.MachineActive)
				if got := b.sh(id, "cat /etc/machine-id"); got != strings.ReplaceAll(id, "-", "") {
					t.Errorf("machine-id %q", got)
				}
				if err := b.m.Delete(id); err != nil {
					t.Fatal(err)
				}
			}
			b.await(id, infra.MachineDeleted)
			b.nothingLeft(id)
		})
	}
}

// createOnly does what boot does, up to the runtime's create.
func (b *bench) createOnly(r *record) {
	b.Helper()
	id := r.Machine.ID
	netns, err := b.m.cfg.Network.AttachMachine(b.Context(), id, nil)
	if err != nil {
		b.Fatal(err)
	}
	if err := b.m.prepareVolume(b.Context(), *r); err != nil {
		b.Fatal(err)
	}
	spec, err := b.m.spec(*r, netns, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.writeSpec(id, spec)
	if _, err := b.m.create(b.Context(), id, b.m.runOf(id)); err != nil {
		b.Fatal(err)
	}
	if init, err := b.m.running(id); err != nil || init != nil {
		b.Fatalf("a machine that waits to be started counts as running (%v)", err)
	}
}

// TestFailures: what cannot be made ends in ERROR with the reason, and can be
// deleted; what is wrong with the wish is refused at once.
func TestFailures(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Init = []string{"/no/such/program"} })
	v := b.await(b.create(b.spec()).ID, infra.MachineError)
	if !strings.Contains(v.Fault, "/no/such/program") {
		t.Errorf("the fault does not name the cause: %s", v.Fault)
	}
	if err := b.m.Delete(v.ID); err != nil {
		t.Fatal(err)
	}
	b.await(v.ID, infra.MachineDeleted)
	b.nothingLeft(v.ID)

	for what, change := range map[string]func(*infra.MachineSpec){
		"key":    func(s *infra.MachineSpec) { s.Key = "" },
		"name":   func(s *infra.MachineSpec) { s.Name = strings.Repeat("x", 64) },
		"vCPUs":  func(s *infra.MachineSpec) { s.Flavor.VCPUs = 0 },
		"memory": func(s *infra.MachineSpec) { s.Flavor.MemoryMB = 8 },
		"volume": func(s *infra.MachineSpec) { s.BootVolume.SizeGB = 0 },
	} {
		spec := b.spec()
		change(&spec)
		if _, err := b.m.Create(t.Context(), spec); hanok.KindOf(err) != hanok.KindInvalid {
			t.Errorf("%s: %v, want an invalid request", what, err)
		}
	}
	spec := b.spec()
	spec.PortIDs = []string{"nowhere"}
	if _, err := b.m.Create(t.Context(), spec); hanok.KindOf(err) != hanok.KindNotFound {
		t.Errorf("an unknown port: %v", err)
	}
	if all := b.m.Machines(""); len(all) != 0 {
		t.Errorf("refused wishes left %d machines", len(all))
	}
}

// TestHardDeletion deletes a machine whose processes, mounts and files do
// everything to stay.
func TestHardDeletion(t *testing.T) {
	b := newBench(t, nil)
	v := b.active()
	b.sh(v.ID, `cat > /tmp/stay.sh <<'END'
trap '' TERM HUP INT
mkdir -p /var/lib/kubelet/a && mount -t tmpfs t /var/lib/kubelet/a
exec 9> /var/lib/etcd/held
cd /var/lib/kubelet/a
while :; do sleep 1; done
END
setsid bash /tmp/stay.sh > /dev/null 2>&1 &
setsid unshare -p -f -m bash /tmp/stay.sh > /dev/null 2>&1 &
for i in $(seq 100); do mountpoint -q /var/lib/kubelet/a && break; sleep 0.02; done; mountpoint -q /var/lib/kubelet/a`)
	// Somebody on the host looks into the volume meanwhile.
	held, err := os.Open(filepath.Join(b.m.volumeDir(v.ID), "etcd"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	time.AfterFunc(1500*time.Millisecond, func() { held.Close() })
	if err := b.m.Delete(v.ID); err != nil {
		t.Fatal(err)
	}
	b.await(v.ID, infra.MachineDeleted)
	b.nothingLeft(v.ID)
}
