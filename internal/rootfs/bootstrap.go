package rootfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// docs are left out while unpacking; licences stay.
var docs = []string{
	"--dpkgopt=path-exclude=/usr/share/doc/*",
	"--dpkgopt=path-include=/usr/share/doc/*/copyright",
	"--dpkgopt=path-exclude=/usr/share/man/*",
	"--dpkgopt=path-exclude=/usr/share/info/*",
	"--dpkgopt=path-exclude=/usr/share/locale/*",
	"--dpkgopt=path-exclude=/usr/share/lintian/*",
}

// bootstrap unpacks and configures the packages into dir.
func bootstrap(ctx context.Context, dir string) error {
	program, err := exec.LookPath("mmdebstrap")
	if err != nil {
		return errors.New("mmdebstrap is not installed, and the machines' Debian tree is built with it: run `apt-get install --no-remove mmdebstrap`")
	}
	sources, err := debianSources("/etc/apt")
	if err != nil {
		return err
	}
	args := []string{
		"--mode=root", "--variant=essential", "--quiet",
		"--include=" + strings.Join(Packages, ","),
		`--aptopt=APT::Install-Recommends "false"`,
	}
	args = append(args, docs...)
	for _, o := range aptProxies(ctx) {
		args = append(args, "--aptopt="+o)
	}
	args = append(args, codename, dir)
	args = append(args, sources...)
	out, err := isolated(ctx, program, args...)
	if err != nil {
		return fmt.Errorf("mmdebstrap could not build Debian %s into %s (are the mirrors of /etc/apt reachable, and is the disk full?): %w\n%s",
			codename, dir, err, lastLines(out, 15))
	}
	return nil
}

// isolated runs a program in mount, PID and IPC namespaces of its own: what it
// mounts the host never sees, and what it starts dies with it, even when this
// process is killed.
func isolated(ctx context.Context, program string, args ...string) (output []byte, err error) {
	// The kernel ties Pdeathsig to the thread that started the child.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "TMPDIR=" + os.TempDir(),
	}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC,
		Unshareflags: syscall.CLONE_NEWNS, // and makes every mount private
		Pdeathsig:    syscall.SIGKILL,
	}
	cmd.WaitDelay = 5 * time.Second
	var buf bytes.Buffer
	cmd.Stdout, cmd.Stderr = &buf, &buf
	err = cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return buf.Bytes(), err
}

// chroot runs a program of the tree inside it.
func chroot(ctx context.Context, tree string, argv ...string) ([]byte, error) {
	program, err := exec.LookPath("chroot")
	if err != nil {
		return nil, err
	}
	out, err := isolated(ctx, program, append([]string{tree}, argv...)...)
	if err != nil {
		return out, fmt.Errorf("%s in %s: %w\n%s", argv[0], filepath.Base(tree), err, lastLines(out, 5))
	}
	return out, nil
}

// installed returns the version of every package of the tree.
func installed(ctx context.Context, tree string) (map[string]string, error) {
	out, err := chroot(ctx, tree, "dpkg-query", "-W", "-f", "${Package} ${Version}\n")
	if err != nil {
		return nil, err
	}
	packages := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if name, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			packages[name] = version
		}
	}
	return packages, nil
}

func lastLines(out []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
