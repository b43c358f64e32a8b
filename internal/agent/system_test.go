package agent

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/machine"
)

// TestFirstProcessOfAMachine runs the agent as process 1 of namespaces of its
// own: everything ends with it.
func TestFirstProcessOfAMachine(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root for namespaces")
	}
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	m.role = roleMachine
	m.attr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC}
	host, _ := os.Hostname()

	p := m.sh("p", strings.Join([]string{
		"hostname > $ROOT/hostname",
		"grep ' / / ' /proc/self/mountinfo > $ROOT/mountinfo",
		"(sh -c 'echo $$ > $ROOT/orphan; exec sleep 0.2' &)",
		"cat /proc/sys/kernel/msgmax > $ROOT/msgmax",
	}, "\n"))
	state := machine.State{Hostname: "worker-7", Sysctls: map[string]string{"kernel.msgmax": "12345", "net.no.such": "1"}, Processes: []machine.Process{p}}
	wanted := s.set(state)
	m.bootUp(t)
	r := s.awaitReady(t, wanted)
	eventually(t, func() bool { return m.read("msgmax") != "" && m.read("orphan") != "" }, func() string { return "what p writes" })
	if got := strings.TrimSpace(m.read("hostname")); got != "worker-7" {
		t.Errorf("host name %q", got)
	}
	if got, _ := os.Hostname(); got != host {
		t.Errorf("the host is now called %q", got)
	}
	if !strings.Contains(m.read("mountinfo"), "shared:") {
		t.Errorf("the root mount is not shared: %s", m.read("mountinfo"))
	}
	if got := strings.TrimSpace(m.read("msgmax")); got != "12345" {
		t.Errorf("kernel.msgmax is %s", got)
	}
	if got := m.read("/etc/resolv.conf"); got != "nameserver 192.0.2.53\n" {
		t.Errorf("resolv.conf: %q", got)
	}
	if !strings.Contains(m.read("/etc/hosts"), "127.0.1.1 worker-7\n") || m.read("/etc/hostname") != "worker-7\n" {
		t.Errorf("hosts: %q, hostname: %q", m.read("/etc/hosts"), m.read("/etc/hostname"))
	}
	if r.Error != "" {
		t.Errorf("error %q", r.Error)
	}
	if !strings.Contains(m.read("/var/log/hanok/agent.log"), "agent starts") {
		t.Error("the agent's log is not in the machine")
	}
	// The machine's processes as the machine sees them: no zombie stays.
	pid := m.cmd.Process.Pid
	orphan, err := strconv.Atoi(strings.TrimSpace(m.read("orphan")))
	if err != nil {
		t.Fatal(err)
	}
	ps := func() string {
		out, _ := exec.Command("nsenter", "-t", strconv.Itoa(pid), "-p", "-m", "cat", "/proc/"+strconv.Itoa(orphan)+"/stat").CombinedOutput()
		return string(out)
	}
	eventually(t, func() bool { return strings.Contains(ps(), "No such file") }, func() string { return "the end of an orphan, which is " + ps() })

	// Process 1 replaces itself and keeps its children.
	m.write(t, "version", "two")
	if err := m.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	after := s.await(t, "a report of the new agent", func(r machine.Report) bool { return r.AgentVersion == "two" && r.Ready })
	if processNamed(after, "p").PID != processNamed(r, "p").PID {
		t.Error("p was restarted")
	}
	m.shutdown(t)
}
