package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// LogFile is the name, in a state directory, of the log of a service that
// Start started.
const LogFile = "service.log"

// Start starts "program serve args" in a session of its own, so that nothing
// that ends the caller ends it, and waits until url/readyz answers. It gives
// the process id. A service that ends meanwhile is an error with the end of
// its log.
func Start(ctx context.Context, program string, args []string, logPath, url string) (int, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, fmt.Errorf("open the service's log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(program, append([]string{"serve"}, args...)...)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start the service: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if Ready(ctx, url) {
			return cmd.Process.Pid, nil
		}
		select {
		case err := <-ended:
			return 0, fmt.Errorf("the service ended at once (%v); its log %s ends:\n%s", err, logPath, lastLines(logPath, 10))
		case <-ctx.Done():
			return 0, fmt.Errorf("the service is not ready (%w); its log %s ends:\n%s", ctx.Err(), logPath, lastLines(logPath, 10))
		case <-tick.C:
		}
	}
}

// Ready tells whether the service at a base URL says that it is ready.
func Ready(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Stop ends the service of a state directory and waits until it is gone; one
// that does not go in time is killed, which harms no cluster. Without a
// service it does nothing.
func Stop(ctx context.Context, stateDir string, patience time.Duration) error {
	pid, err := Running(stateDir)
	if err != nil || pid == 0 {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop the service (process %d): %w", pid, err)
	}
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for killed := false; ; {
		// The lock is let go by the kernel when the process is gone.
		now, err := Running(stateDir)
		if err != nil || now != pid {
			return err
		}
		if time.Now().After(deadline) && !killed {
			killed = true
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill the service (process %d): %w", pid, err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func lastLines(path string, n int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
