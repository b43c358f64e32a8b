package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ownOutput sends what the agent prints, a crash included, to its log: the
// output of a machine's PID 1 may go nowhere.
func (a *agent) ownOutput() error {
	f, err := openLog(a.path(logDir), "agent")
	if err != nil {
		return fmt.Errorf("the agent's log: %w", err)
	}
	defer f.Close()
	for _, fd := range []int{1, 2} {
		if err := unix.Dup3(int(f.Fd()), fd, 0); err != nil {
			return fmt.Errorf("the agent's log: %w", err)
		}
	}
	return nil
}

// prepareMachine does what an init does. A failure is reported and is no
// reason to stop: a machine that reports is easier to repair.
func (a *agent) prepareMachine() {
	unix.Umask(0o022)
	a.setHostname(a.config.Hostname)
	var failures []error
	// kubelet and containerd pass mounts on to pods.
	if err := unix.Mount("", "/", "", unix.MS_SHARED|unix.MS_REC, ""); err != nil {
		failures = append(failures, fmt.Errorf("make mounts shared: %w", err))
	}
	if err := divideCgroup("/sys/fs/cgroup"); err != nil {
		failures = append(failures, err)
	}
	if err := a.setNameservers(); err != nil {
		failures = append(failures, err)
	}
	if err := errors.Join(failures...); err != nil {
		a.log.Error("the machine could not be prepared in full", "err", err)
	}
}

// setHostname sets the machine's name and what goes with it.
func (a *agent) setHostname(name string) {
	if !a.opt.OwnsMachine || name == "" {
		return
	}
	if have, err := os.Hostname(); err != nil || have != name {
		if err := unix.Sethostname([]byte(name)); err != nil {
			a.log.Error("the host name could not be set", "hostname", name, "err", err)
		}
	}
	hosts := "127.0.0.1 localhost\n127.0.1.1 " + name + "\n::1 localhost ip6-localhost ip6-loopback\n"
	for path, content := range map[string]string{"/etc/hostname": name + "\n", "/etc/hosts": hosts} {
		if err := ensureFile(a.path(path), []byte(content), 0o644); err != nil {
			a.log.Error("a file of the host name could not be written", "path", path, "err", err)
		}
	}
}

// setNameservers writes resolv.conf. Without nameservers it is empty, so that
// nothing of the image is asked by accident.
func (a *agent) setNameservers() error {
	var b strings.Builder
	for _, ns := range a.config.Nameserver {
		fmt.Fprintf(&b, "nameserver %s\n", ns)
	}
	path := a.path("/etc/resolv.conf")
	if err := ensureFile(path, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("/etc/resolv.conf: %w", err)
	}
	return nil
}

// setSysctls sets what the state asks for. A kernel without a setting has no
// use for it either; that is logged. Any other failure is reported.
func (a *agent) setSysctls(sysctls map[string]string) {
	if !a.opt.OwnsMachine {
		return
	}
	var failures []error
	for name, value := range sysctls {
		path := filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/"))
		if have, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(have)) == value {
			continue
		}
		err := os.WriteFile(path, []byte(value), 0o644)
		if errors.Is(err, os.ErrNotExist) {
			a.log.Warn("this kernel does not have a setting", "sysctl", name)
		} else if err != nil {
			failures = append(failures, fmt.Errorf("%s=%s: %w", name, value, err))
		}
	}
	if err := errors.Join(failures...); err != nil {
		a.status.fail("sysctl", err)
		return
	}
	a.status.clear("sysctl")
}
