package machines

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/infra/local/machines/hardware"
	"github.com/hanok/hanok/internal/machine"
)

// spec describes the machine to the OCI runtime. A machine is to be as open
// inside as a server is to its root: every capability that this process has,
// every device number, no system call filter.
func (m *Manager) spec(r record, netns string, faces []hardware.Face) (*specs.Spec, error) {
	caps, err := capabilities()
	if err != nil {
		return nil, err
	}
	limits, err := openFiles(slices.Contains(caps, "CAP_SYS_RESOURCE"))
	if err != nil {
		return nil, err
	}
	extraDevices, err := m.extraDevices(r)
	if err != nil {
		return nil, err
	}
	id := r.Machine.ID
	return &specs.Spec{
		Version:  specs.Version,
		Hostname: r.Machine.Name,
		Root:     &specs.Root{Path: m.rootDir(id)},
		Process: &specs.Process{
			Args: m.cfg.Init,
			Cwd:  "/",
			Env: []string{
				"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				"HOME=/root",
				"container=hanok", // containerd and others look for it
			},
			Capabilities: &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
			Rlimits:      limits,
		},
		Mounts: append(m.mounts(id, faces), m.extraMounts(r)...),
		Linux: &specs.Linux{
			CgroupsPath: m.cgroupOf(id),
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace},
				{Type: specs.MountNamespace},
				{Type: specs.UTSNamespace},
				{Type: specs.IPCNamespace},
				{Type: specs.CgroupNamespace},
				{Type: specs.NetworkNamespace, Path: netns},
			},
			Devices:   append(devices(), extraDevices...),
			Resources: m.resources(r),
		},
	}, nil
}

// mounts lists, in order, what is mounted on the machine's root.
func (m *Manager) mounts(id string, faces []hardware.Face) []specs.Mount {
	tmpfs := func(dir string, options ...string) specs.Mount {
		return specs.Mount{Destination: dir, Type: "tmpfs", Source: "tmpfs", Options: options}
	}
	bind := func(source, dir string, options ...string) specs.Mount {
		return specs.Mount{Destination: dir, Type: "bind", Source: source, Options: append([]string{"bind"}, options...)}
	}
	list := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc"},
		tmpfs("/dev", "nosuid", "strictatime", "mode=755", "size=65536k"),
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts",
			Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		tmpfs("/dev/shm", "nosuid", "nodev", "mode=1777"),
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "rw"}},
		tmpfs("/run", "nosuid", "nodev", "mode=755"),
		{Destination: hardware.SecondSysfs, Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev"}},
	}
	for _, f := range faces {
		list = append(list, bind(f.Source, f.Destination, "ro"))
	}
	var names []string
	for name := range direct {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		list = append(list, bind(filepath.Join(m.volumeDir(id), name), direct[name], "rw"))
	}
	return append(list,
		bind(m.agentDir(), filepath.Dir(machine.AgentBinary), "ro"),
		bind(m.cfg.BundlesDir, machine.BundlesDir, "ro"))
}

// devices are the nodes in /dev besides those that every container gets. The
// kernel's log is the host's own: a machine has an empty one, which kubelets need.
func devices() []specs.LinuxDevice {
	mode := os.FileMode(0o666)
	device := func(path string, major, minor int64) specs.LinuxDevice {
		return specs.LinuxDevice{Path: path, Type: "c", Major: major, Minor: minor, FileMode: &mode}
	}
	return []specs.LinuxDevice{
		device("/dev/kmsg", 1, 3), // the numbers of /dev/null
		device("/dev/fuse", 10, 229),
		device("/dev/net/tun", 10, 200),
	}
}

// resources are the limits of the flavor.
func (m *Manager) resources(r record) *specs.LinuxResources {
	period := uint64(100_000)
	quota := int64(r.Flavor.VCPUs) * int64(period)
	shares := uint64(r.Flavor.VCPUs) * 1024
	memory := int64(r.Flavor.MemoryMB) << 20
	res := &specs.LinuxResources{
		Devices: []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}},
		CPU:     &specs.LinuxCPU{Period: &period, Quota: &quota, Shares: &shares},
		Memory:  &specs.LinuxMemory{Limit: &memory},
	}
	if m.cgroups.Swap {
		res.Memory.Swap = &memory // memory and swap together: none of it is swap
	}
	return res
}

// capabilityNames are the kernel's, by number.
var capabilityNames = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID
	SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE
	SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME
	SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
	BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

// capabilities lists what this process may hand on: asking for more, in a
// container that lacks some, would fail.
func capabilities() ([]string, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return nil, err
	}
	permitted := uint64(data[1].Permitted)<<32 | uint64(data[0].Permitted)
	var names []string
	for i, name := range capabilityNames {
		if permitted&(1<<i) == 0 {
			continue
		}
		if bound, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(i), 0, 0, 0); err == nil && bound == 1 {
			names = append(names, "CAP_"+name)
		}
	}
	return names, nil
}

// openFiles is the limit of open files: what servers have, or as much as this
// process has where it may not raise limits.
func openFiles(mayRaise bool) ([]specs.POSIXRlimit, error) {
	const server = 1 << 20
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &own); err != nil {
		return nil, err
	}
	limit := own.Max
	if mayRaise || limit > server {
		limit = server
	}
	return []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: limit, Soft: limit}}, nil
}
