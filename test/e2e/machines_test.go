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
	"testing"

	"github.com/hanok/hanok/internal/infra"
)

// machines counts the machines that run.
func (s *service) machines(t *testing.T) int { t.Helper(); return len(s.RuncList(t)) }

// machinePIDs gives every process of every machine.
func (s *service) machinePIDs(t *testing.T) []string {
	t.Helper()
	var pids []string
	for id := range s.RuncList(t) {
		out, err := exec.Command("runc", "--root", s.RuncRoot(), "ps", "-f", "json", id).Output()
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

// router is the network namespace of the VPC: the only one there is.
func (s *service) router(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/run/netns/hk-" + s.Installation() + "-vpc-*")
	if err != nil || len(found) != 1 {
		t.Fatalf("routers are %v, %v; want one", found, err)
	}
	return found[0]
}

// inMachine runs a command inside a machine, as an operator does.
func (s *service) inMachine(t *testing.T, id string, argv ...string) string {
	t.Helper()
	out, err := exec.Command("runc", append([]string{"--root", s.RuncRoot(), "exec", id}, argv...)...).Output()
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
	subnets, err := s.Client.Subnets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range subnets {
		if n.ID == s.Choice.SubnetID {
			cidr := netip.MustParsePrefix(n.CIDR)
			return infra.Subnet{
				ID: n.ID, NetworkID: s.Choice.NetworkID, CIDR: cidr,
				Gateway: cidr.Addr().Next(), InternetGateway: s.Choice.InternetGateway,
			}
		}
	}
	t.Fatalf("subnet %s is not listed", s.Choice.SubnetID)
	return infra.Subnet{}
}
