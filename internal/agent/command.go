package agent

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxOutput bounds what is kept of a command's output, in bytes.
const maxOutput = 1 << 20

// output runs a short command to its end and gives what it prints. A failure
// says the last line of it. The command is killed when ctx ends.
func (a *agent) output(ctx context.Context, argv []string) (string, error) {
	path, err := a.lookPath(argv[0])
	if err != nil {
		return "", err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return "", err
	}
	defer null.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer read.Close()
	pid, ends, err := a.reaper.start(path, argv, &syscall.ProcAttr{
		Dir:   "/",
		Env:   []string{defaultPath, "HOME=/root"},
		Files: []uintptr{null.Fd(), write.Fd(), write.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	write.Close()
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	stop := context.AfterFunc(ctx, func() { killGroup(pid) })
	defer stop()
	var out bytes.Buffer
	_, readErr := io.Copy(&out, io.LimitReader(read, maxOutput))
	_, _ = io.Copy(io.Discard, read)
	end := <-ends
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if !end.known || end.status != 0 {
		text := strings.TrimSpace(out.String())
		return "", fmt.Errorf("%s: %s: %s", strings.Join(argv, " "), describe(end), clip(text[strings.LastIndexByte(text, '\n')+1:], 300))
	}
	return out.String(), readErr
}

// lookPath finds a program in the search path of processes, whatever the
// agent's own environment says.
func (a *agent) lookPath(name string) (string, error) {
	_, dirs, _ := strings.Cut(defaultPath, "=")
	for _, dir := range filepath.SplitList(dirs) {
		path := a.path(filepath.Join(dir, name))
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("the program %s is in none of %s", name, dirs)
}
