package e2e

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hanok/hanok/internal/infra"
)

// hanokBinary gives the binary under test: bin/hanok of the checkout, static
// because machines run it on their own root.
func hanokBinary(t *testing.T) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("HANOK_BIN"); path != "" {
		return path, nil
	}
	dir, err := filepath.Abs("../../bin")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "hanok")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "../../cmd/hanok")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building hanok: %w\n%s", err, out)
	}
	return path, nil
})

// installation is the id that everything of this service on the host carries;
// "" before its first start.
func (s *service) installation() string {
	id, err := os.ReadFile(filepath.Join(s.dir, "installation"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// runcList is what runc knows of the installation's machines: the truth
// beneath the API.
func (s *service) runcList(t *testing.T) map[string]int {
	t.Helper()
	out, err := exec.Command("runc", "--root", s.runcRoot(), "list", "-f", "json").Output()
	if err != nil {
		t.Fatalf("runc list: %v", err)
	}
	var list []struct {
		ID     string
		PID    int
		Status string
	}
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatalf("runc list: %v in %s", err, out)
	}
	running := map[string]int{}
	for _, m := range list {
		if m.Status == "running" {
			running[m.ID] = m.PID
		}
	}
	return running
}

func (s *service) runcRoot() string { return "/run/hanok/" + s.installation() + "/runc" }

// machines counts the machines that run.
func (s *service) machines(t *testing.T) int { t.Helper(); return len(s.runcList(t)) }

// machinePIDs gives every process of every machine.
func (s *service) machinePIDs(t *testing.T) []string {
	t.Helper()
	var pids []string
	for id := range s.runcList(t) {
		out, err := exec.Command("runc", "--root", s.runcRoot(), "ps", "-f", "json", id).Output()
		if err != nil {
			t.Fatalf("runc ps: %v", err)
		}
		var ps []int
		if err := json.Unmarshal(out, &ps); err != nil {
			t.Fatal(err)
		}
		for _, pid := range ps {
			name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
			if err == nil && longRunning(strings.TrimSpace(string(name))) {
				pids = append(pids, fmt.Sprintf("%d:%s", pid, strings.TrimSpace(string(name))))
			}
		}
	}
	slices.Sort(pids)
	return pids
}

// longRunning leaves out what comes and goes by itself.
func longRunning(comm string) bool {
	return slices.Contains([]string{"hanok", "kube", "etcd", "containerd", "flanneld"}, comm)
}

// logMachines prints the ends of the logs inside the machines.
func (s *service) logMachines(t *testing.T) {
	for id := range s.runcList(t) {
		out, _ := exec.Command("runc", "--root", s.runcRoot(), "exec", id,
			"sh", "-c", "hostname; tail -n 5 /var/log/hanok/*.log").CombinedOutput()
		if len(out) > 6000 {
			out = out[:6000]
		}
		t.Logf("machine %s:\n%s", id, out)
	}
}

// router is the network namespace of the VPC: the only one there is.
func (s *service) router(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/run/netns/hk-" + s.installation() + "-vpc-*")
	if err != nil || len(found) != 1 {
		t.Fatalf("routers are %v, %v; want one", found, err)
	}
	return found[0]
}

// inMachine runs a command inside a machine, as an operator does.
func (s *service) inMachine(t *testing.T, id string, argv ...string) string {
	t.Helper()
	out, err := exec.Command("runc", append([]string{"--root", s.runcRoot(), "exec", id}, argv...)...).Output()
	if err != nil {
		t.Fatalf("runc exec %v: %v", argv, err)
	}
	return string(out)
}

// lockThread keeps the calling goroutine on its thread; the thread ends with it.
func lockThread() { runtime.LockOSThread() }

// subnet is the subnet of the account's clusters as drivers know it.
func (s *service) subnet(t *testing.T) infra.Subnet {
	t.Helper()
	subnets, err := s.client.Subnets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range subnets {
		if n.ID == s.choice.SubnetID {
			cidr := netip.MustParsePrefix(n.CIDR)
			return infra.Subnet{
				ID: n.ID, NetworkID: s.choice.NetworkID, CIDR: cidr,
				Gateway: cidr.Addr().Next(), InternetGateway: s.choice.InternetGateway,
			}
		}
	}
	t.Fatalf("subnet %s is not listed", s.choice.SubnetID)
	return infra.Subnet{}
}
