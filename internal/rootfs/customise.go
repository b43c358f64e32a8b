package rootfs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// mountPoints are what machines mount or fill at boot; a read-only root cannot
// make them then.
var mountPoints = []string{
	"opt/hanok", "etc/hanok", "var/lib/hanok", "var/lib/containerd", "var/lib/kubelet", "var/lib/etcd",
	"etc/cni/net.d", "opt/cni/bin", "run", "etc/kubernetes", "var/log/pods", "var/log/containers", "var/lib/cni",
}

// leftovers hold what belongs to the building host, to one machine only, or to
// nobody.
var leftovers = []string{
	"etc/ssh/ssh_host_*", "etc/apt/apt.conf.d/99mmdebstrap", "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
	"etc/resolv.conf", "etc/hostname", "etc/machine-id", "var/lib/dbus/machine-id",
	"var/lib/apt/lists/*", "var/cache/apt/*.bin", "var/cache/apt/archives/*.deb", "var/cache/debconf/*-old",
	"var/cache/ldconfig/aux-cache", "var/log/*.log", "var/log/apt", "var/lib/dpkg/*-old",
	"etc/passwd-", "etc/shadow-", "etc/group-", "etc/gshadow-", "etc/subuid-", "etc/subgid-",
	"etc/systemd/system/*.wants", "etc/containerd/config.toml",
	"usr/share/doc-base", "dev/*", "run/*", "tmp/*",
}

// content is what the tree holds beyond its packages.
var content = []struct {
	path string
	mode os.FileMode
	text string
}{
	{"etc/machine-id", 0o444, ""}, // made anew by each machine
	{"etc/hostname", 0o644, "localhost\n"},
	{"etc/hosts", 0o644, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"},
	{"etc/resolv.conf", 0o644, ""},
	{"etc/sudoers.d/90-hanok", 0o440, loginUser + " ALL=(ALL) NOPASSWD:ALL\n"},
	{"etc/ssh/sshd_config.d/10-hanok.conf", 0o644, `# Keys only: there is no password to know.
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
UseDNS no
X11Forwarding no
PrintLastLog no
`},
	// The package's scripts would start services; machines have no init
	// system, and what runs is the agent's matter.
	{"usr/sbin/policy-rc.d", 0o755, "#!/bin/sh\nexit 101\n"},
}

// customise turns a plain Debian tree into a machine's root.
func customise(ctx context.Context, tree string) error {
	if _, err := chroot(ctx, tree, "useradd", "--create-home", "--shell", "/bin/bash", "--uid", "1000", "--groups", "sudo", "--password", "*", loginUser); err != nil {
		return err
	}
	for _, pattern := range leftovers {
		paths, err := filepath.Glob(filepath.Join(tree, pattern))
		if err != nil {
			return err
		}
		for _, p := range paths {
			if err := os.RemoveAll(p); err != nil {
				return err
			}
		}
	}
	for _, c := range content {
		p := filepath.Join(tree, c.path)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p, []byte(c.text), c.mode); err != nil {
			return err
		}
		if err := os.Chmod(p, c.mode); err != nil { // whatever the umask
			return err
		}
	}
	for _, dir := range mountPoints {
		p := filepath.Join(tree, dir)
		if err := os.MkdirAll(p, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(p, 0o755); err != nil { // whatever the umask
			return err
		}
	}
	return loosenLoginUID(filepath.Join(tree, "etc/pam.d/sshd"))
}

// loosenLoginUID lets people log in where the kernel forbids to set the audit
// login id, as it does in most containers.
func loosenLoginUID(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var out [][]byte
	found := false
	for _, line := range bytes.Split(raw, []byte("\n")) {
		if bytes.Contains(line, []byte("pam_loginuid.so")) && !bytes.HasPrefix(line, []byte("#")) {
			line = []byte("session    optional     pam_loginuid.so")
			found = true
		}
		out = append(out, line)
	}
	if !found {
		return fmt.Errorf("%s does not mention pam_loginuid.so: Debian's openssh-server changed; look whether logins still work and adapt customise.go", path)
	}
	return os.WriteFile(path, bytes.Join(out, []byte("\n")), 0o644)
}
