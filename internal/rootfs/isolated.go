package rootfs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Isolated runs a program in mount, PID and IPC namespaces of its own: what it
// mounts the host never sees, and what it starts dies with it, even when this
// process is killed.
func Isolated(ctx context.Context, program string, args ...string) (output []byte, err error) {
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
	out, err := Isolated(ctx, program, append([]string{tree}, argv...)...)
	if err != nil {
		return out, fmt.Errorf("%s in %s: %w\n%s", argv[0], filepath.Base(tree), err, lastLines(out, 5))
	}
	return out, nil
}

func lastLines(out []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
