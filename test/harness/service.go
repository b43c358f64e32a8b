// Package harness runs services for tests that try hanok as its users do:
// each test has an installation of its own, with real machines, and leaves
// nothing of it on the host.
package harness

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// KubeTag is the Kubernetes version of the tests' clusters.
const KubeTag = "v1.30.3"

// Service is one installation under test.
type Service struct {
	Bin, Kubectl string // programs: hanok, and the bundle's kubectl
	Dir          string // state directory, the installation's owner
	URL          string
	Cmd          *exec.Cmd // the running service, or the one that ran last
	Account                // whom it is asked as

	args []string
}

// StartService starts an installation of its own and removes all of it when
// the test ends. The state directory's name tells a later sweep that it
// belonged to a test, and to which process. It skips without root.
func StartService(t *testing.T, args ...string) *Service {
	t.Helper()
	s := newService(t, args...)
	s.Start(t)
	s.Login(t)
	return s
}

func newService(t *testing.T, args ...string) *Service {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("end-to-end tests make machines: they need root")
	}
	cache := CacheDir()
	kubectl := filepath.Join(cache, "bundles", KubeTag, "bin", "kubectl")
	if _, err := os.Stat(kubectl); err != nil {
		t.Fatalf("the bundle is missing (%v); make it with: hanok bundle build %s", err, KubeTag)
	}
	takeDisk(t)
	dir, err := os.MkdirTemp("", fmt.Sprintf("hanok-test-%d-", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	s := &Service{
		Bin: hanokBinary(t), Kubectl: kubectl, Dir: dir, URL: "http://" + address,
		args: append([]string{"serve", "--listen", address, "--state-dir", dir, "--cache-dir", cache}, args...),
	}
	t.Cleanup(func() { s.remove(t) })
	return s
}

// Start starts the service, with env beside the test's own environment, and
// waits until it is ready.
func (s *Service) Start(t *testing.T, env ...string) {
	t.Helper()
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.Cmd = exec.Command(s.Bin, s.args...)
	s.Cmd.Env = append(os.Environ(), env...)
	s.Cmd.Stdout, s.Cmd.Stderr = log, log
	// A session of its own: a signal to the test does not reach it first.
	s.Cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := s.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	Eventually(t, 20*time.Second, "the service is ready", func() error {
		res, err := http.Get(s.URL + "/readyz")
		if err != nil {
			return fmt.Errorf("%w\n%s", err, s.LogTail())
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return errors.New(res.Status)
		}
		return nil
	})
}

// Ended tells whether the service has ended by itself.
func (s *Service) Ended() bool {
	if s.Cmd.ProcessState == nil && zombie(fmt.Sprintf("/proc/%d", s.Cmd.Process.Pid)) {
		_ = s.Cmd.Wait()
	}
	return s.Cmd.ProcessState != nil
}

// Kill ends the service as a crash would.
func (s *Service) Kill(t *testing.T) {
	t.Helper()
	if err := s.Cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	_ = s.Cmd.Wait()
}

// Stop ends the service in good order.
func (s *Service) Stop(t *testing.T) {
	t.Helper()
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.Cmd.Wait(); err != nil {
		t.Errorf("the service stopped with %v\n%s", err, s.LogTail())
	}
}

func (s *Service) remove(t *testing.T) {
	if s.Cmd != nil && s.Cmd.ProcessState == nil {
		_ = s.Cmd.Process.Kill()
		_ = s.Cmd.Wait()
	}
	if t.Failed() {
		t.Logf("the service's log ends:\n%s", s.LogTail())
		s.logMachines(t)
	}
	if id := s.Installation(); id != "" {
		out, err := exec.Command(s.Bin, "sweep", "--installation", id).CombinedOutput()
		if err != nil {
			t.Errorf("sweep: %v\n%s", err, out)
		}
		if left := Traces(id, s.Dir); len(left) > 0 {
			t.Errorf("after the sweep there remains:\n%s", strings.Join(left, "\n"))
		}
	}
	if err := os.RemoveAll(s.Dir); err != nil {
		t.Errorf("the state directory remains: %v", err)
	}
}

func (s *Service) logPath() string { return s.Dir + "/service.log" }

// LogTail is the end of the service's log.
func (s *Service) LogTail() string { return tail(s.logPath(), 6000) }

func tail(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if len(text) > n {
		text = text[len(text)-n:]
	}
	return string(text)
}

// Hanok runs the command line as the account, and gives its standard output.
func (s *Service) Hanok(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.TryHanok(args...)
	if err != nil {
		t.Fatalf("hanok %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// TryHanok is Hanok that may fail; what a failed command printed on both
// streams is given with the error.
func (s *Service) TryHanok(args ...string) (string, error) {
	cmd := exec.Command(s.Bin, args...)
	cmd.Env = append(os.Environ(), s.Env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		return stdout.String() + stderr.String(), err
	}
	return stdout.String(), nil
}
