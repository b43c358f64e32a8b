package machines

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/infra"
)

// TestLife walks a machine through its life, and measures.
func TestLife(t *testing.T) {
	b := newBench(t, nil)
	begin := time.Now()
	v := b.create(b.spec())
	called := time.Since(begin)
	b.await(v.ID, infra.MachineActive)
	t.Logf("create: call %v, until PID 1 runs %v", called, time.Since(begin))

	b.sh(v.ID, "echo kept > /etc/kept; echo kept > /var/lib/etcd/kept; sync")
	begin = time.Now()
	if err := b.m.Stop(v.ID); err != nil {
		t.Fatal(err)
	}
	b.await(v.ID, infra.MachineShutoff)
	t.Logf("stop %v", time.Since(begin))
	if points, _ := os.ReadFile("/proc/self/mountinfo"); strings.Contains(string(points), b.m.runOf(v.ID)) {
		t.Error("a stopped machine has mounts")
	}
	begin = time.Now()
	if err := b.m.Start(v.ID); err != nil {
		t.Fatal(err)
	}
	b.await(v.ID, infra.MachineActive)
	t.Logf("start %v", time.Since(begin))
	if got := b.sh(v.ID, "cat /etc/kept /var/lib/etcd/kept"); got != "kept\nkept" {
		t.Errorf("after stop and start the volume holds %q", got)
	}
	begin = time.Now()
	if err := b.m.Delete(v.ID); err != nil {
		t.Fatal(err)
	}
	b.await(v.ID, infra.MachineDeleted)
	t.Logf("delete %v", time.Since(begin))
	b.nothingLeft(v.ID)
}

// TestInside looks at a machine from within: its size, identity and what it
// can and cannot see.
func TestInside(t *testing.T) {
	b := newBench(t, nil)
	secret := t.TempDir()
	v := b.active()
	for _, tt := range []struct{ what, command, want string }{
		{"processors", "grep -c ^processor /proc/cpuinfo; ls -d /sys/devices/system/cpu/cpu[0-9]* | wc -l; ls -d /sys/devices/system/node/node0/cpu[0-9]*/topology | wc -l", "3\n3\n3"},
		{"memory", "awk '/MemTotal/{print $2}' /proc/meminfo", "524288"},
		{"swap", "tail -n +2 /proc/swaps | wc -l", "0"},
		{"system UUID", "cat /sys/class/dmi/id/product_uuid", v.ID},
		{"machine id", "cat /etc/machine-id", strings.ReplaceAll(v.ID, "-", "")},
		{"host name", "hostname; cat /etc/hostname", "test-node-0\ntest-node-0"},
		{"user data", "cat /etc/hanok/agent.json; echo; stat -c %a /etc/hanok/agent.json", `{"machine_key":"k","token":"very-secret"}` + "\n600"},
		{"PID 1", "cat /proc/1/comm", "bash"},
		{"network devices", "ls /sys/class/net", "lo"},
		{"host's files", "ls -d " + secret + " " + b.cfg.StateDir + " 2>/dev/null | wc -l", "0"},
		{"mounts by host path", "grep -v ^overlay /proc/self/mounts | grep -c " + runRoot + "/" + b.cfg.InstallationID + " || true", "0"},
		{"devices", "ls /dev | grep -v -e ^std -e ^core | tr '\\n' ' '", "fd full fuse kmsg mqueue net null ptmx pts random shm tty urandom zero"},
		{"kernel log", "timeout 1 cat /dev/kmsg | wc -c", "0"},
		{"kubelet's tunables", "cd /proc/sys; cat vm/overcommit_memory kernel/panic kernel/panic_on_oops", "1\n10\n1"},
		{"file system of the state", "stat -f -c %T /var/lib/containerd /var/lib/kubelet /var/lib/etcd /var/lib/hanok /var/log | sort -u", "ext2/ext3"},
		{"file system of the root", "stat -f -c %T /", "overlayfs"},
		{"bundles read-only", "touch /opt/hanok/bundles/x 2>&1 | grep -c 'Read-only'", "1"},
		{"agent read-only", "touch /opt/hanok/agent/hanok 2>&1 | grep -c 'Read-only'", "1"},
		{"an overlay for containers", "cd /var/lib/containerd && mkdir -p l u w m && mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m && touch m/f && ls u; umount m", "f"},
		{"device nodes", "mknod /tmp/z c 1 5 && head -c 3 /tmp/z | wc -c", "3"},
		{"shared mounts", "grep ' / / ' /proc/1/mountinfo | grep -c shared: ; grep ' /var/lib/kubelet ' /proc/1/mountinfo | grep -c shared:", "1\n1"},
		{"writable sysctls of its network", "echo 1 > /proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward", "1"},
		{"login", "su - debian -c id\\ -un", "debian"},
	} {
		if got := b.sh(v.ID, tt.command); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
	}
	if gb := b.sh(v.ID, "df -B1 --output=size / | tail -1"); len(gb) != 10 || gb > "2147483648" || gb < "2000000000" {
		t.Errorf("the root has %s bytes, want almost 2 GiB", gb)
	}

	b.sh(v.ID, "mkdir -p /var/lib/kubelet/pods/p && mount -t tmpfs tmpfs /var/lib/kubelet/pods/p && mount -t tmpfs tmpfs /mnt")
	if points, _ := os.ReadFile("/proc/self/mountinfo"); strings.Contains(string(points), "kubelet/pods/p") || strings.Contains(string(points), v.ID+"/root/mnt") {
		t.Error("a mount made in the machine shows on the host")
	}
	if own := b.sh(v.ID, "ps -e -o pid= | wc -l"); len(own) > 2 {
		t.Errorf("the machine sees %s processes", own)
	}
}

// TestLimits checks what the control groups enforce, and what the machine sees of them.
func TestLimits(t *testing.T) {
	b := newBench(t, nil)
	v := b.active()
	want := map[string]string{}
	if b.m.cgroups.Unified {
		want["memory.max"], want["cpu.max"] = "536870912", "300000 100000"
	} else {
		want["memory/memory.limit_in_bytes"], want["cpu/cpu.cfs_quota_us"] = "536870912", "300000"
	}
	for file, value := range want {
		if got := b.sh(v.ID, "cat /sys/fs/cgroup/"+file); got != value {
			t.Errorf("%s is %q, want %q", file, got, value)
		}
	}
	// A group made inside is one below the machine's own.
	b.sh(v.ID, `for d in $(awk '$3 ~ /^cgroup2?$/ {print $2}' /proc/mounts); do mkdir $d/pod || exit 1; done`)
	for _, mount := range b.m.cgroups.Mounts {
		if mount == "/sys/fs/cgroup/unified" {
			continue // not mounted in machines: it has no controllers
		}
		if _, err := os.Stat(mount + b.m.cgroupOf(v.ID) + "/pod"); err != nil {
			t.Errorf("the machine's groups lie elsewhere: %v", err)
		}
	}
	out := b.sh(v.ID, "python3 -c 'x = bytearray(800 << 20); print(len(x))' 2>&1; echo ended with $?")
	if !strings.Contains(out, "ended with 137") {
		t.Errorf("a process could take more memory than the flavor has: %s", out)
	}
}

// TestSurvivesItsMaker: nothing ties a machine to the process that made it.
func TestSurvivesItsMaker(t *testing.T) {
	b := newBench(t, nil)
	v := b.active()
	pid := b.pid(v.ID)
	parent, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	if f := strings.Fields(string(parent[strings.LastIndex(string(parent), ")")+1:])); f[1] == fmt.Sprint(os.Getpid()) {
		t.Error("PID 1 is a child of this process")
	}
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(groups)) {
		if !strings.HasSuffix(strings.TrimSpace(line), b.m.cgroupOf(v.ID)) {
			t.Errorf("PID 1 is in the control group %s", line)
		}
	}
	b.m.Close()
	b.open()
	if err := b.m.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := b.m.Machine(v.ID); got.Status != infra.MachineActive || b.pid(v.ID) != pid {
		t.Errorf("after a restart of the service the machine is %+v", got)
	}
	if err := b.m.Delete(v.ID); err != nil {
		t.Fatal(err)
	}
	b.await(v.ID, infra.MachineDeleted)
	b.nothingLeft(v.ID)
}
