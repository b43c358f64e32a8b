package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

// testMachine is a directory with an agent in it.
type testMachine struct {
	root string
	cmd  *exec.Cmd
	log  *lockedBuffer
	attr *syscall.SysProcAttr
	role string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newTestMachine makes a machine with its configuration on disk, not booted.
func newTestMachine(t *testing.T, s *testService) *testMachine {
	t.Helper()
	m := &testMachine{root: t.TempDir(), log: &lockedBuffer{}, role: roleAgent, attr: &syscall.SysProcAttr{}}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(m.root, "agent")); err != nil {
		t.Fatal(err)
	}
	m.write(t, "version", "one")
	config, err := json.Marshal(machine.Config{
		MachineKey: testKey, Hostname: "node-1", ServiceURL: "https://" + s.addr,
		ServiceCA: s.caPEM, Token: testToken, Nameserver: []string{"192.0.2.53"},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.write(t, machine.ConfigPath, string(config))
	t.Cleanup(func() {
		m.kill()
		m.killLeftovers()
		if t.Failed() {
			t.Logf("the agent's log:\n%s", m.log)
		}
	})
	return m
}

func (m *testMachine) path(elem ...string) string {
	return filepath.Join(append([]string{m.root}, elem...)...)
}

func (m *testMachine) write(t *testing.T, path, content string) {
	t.Helper()
	if err := writeFile(m.path(path), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (m *testMachine) read(path string) string {
	b, _ := os.ReadFile(m.path(path))
	return string(b)
}

// bootUp starts the agent.
func (m *testMachine) bootUp(t *testing.T) {
	t.Helper()
	m.cmd = exec.Command(m.path("agent"))
	m.cmd.Env = append(os.Environ(), envRole+"="+m.role, envRoot+"="+m.root)
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	m.cmd.SysProcAttr = m.attr
	m.attr.Pdeathsig = syscall.SIGTERM // a killed test takes the agent and its processes along
	m.cmd.WaitDelay = time.Second      // processes may hold our pipe; not our concern
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// newBootedMachine makes a service and a machine of it whose agent runs.
func newBootedMachine(t *testing.T) (*testService, *testMachine) {
	t.Helper()
	s := newTestService(t)
	m := newTestMachine(t, s)
	m.bootUp(t)
	return s, m
}

// kill ends the agent without a chance to do anything.
func (m *testMachine) kill() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
		m.cmd = nil
	}
}

// shutdown asks the agent to stop and waits for it.
func (m *testMachine) shutdown(t *testing.T) {
	t.Helper()
	_ = m.cmd.Process.Signal(syscall.SIGTERM)
	err := m.cmd.Wait()
	m.cmd = nil
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("the agent ended with %v", err)
	}
}

// killLeftovers ends the processes that a killed agent left.
func (m *testMachine) killLeftovers() {
	var b boot
	if readJSON(m.path(runDir, "boot.json"), &b) != nil {
		return
	}
	for _, c := range b.Processes {
		if stat, err := readProcStat(c.PID); err == nil && stat.startTime == c.StartTime {
			killGroup(c.PID)
		}
	}
}

// sh is a process that runs a script and then sleeps until it is ended, by
// itself after a while if everything that could end it was killed.
func (m *testMachine) sh(name, script string) machine.Process {
	return machine.Process{Name: name, Argv: []string{"/bin/sh", "-c", script + "\nexec sleep 100"}, Env: []string{"ROOT=" + m.root}}
}

func processNamed(r machine.Report, name string) machine.ProcessReport {
	i := slices.IndexFunc(r.Processes, func(p machine.ProcessReport) bool { return p.Name == name })
	if i < 0 {
		return machine.ProcessReport{}
	}
	return r.Processes[i]
}

func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(b), ") Z ")
}
