package harness

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Installation is the id that everything of this service on the host carries;
// "" before its first start.
func (s *Service) Installation() string {
	id, err := os.ReadFile(filepath.Join(s.Dir, "installation"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// RuncList is what runc knows of the installation's machines: the truth
// beneath the API. It gives the process ids of the running ones by name.
func (s *Service) RuncList(t *testing.T) map[string]int {
	t.Helper()
	out, err := exec.Command("runc", "--root", s.RuncRoot(), "list", "-f", "json").Output()
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

// RuncRoot is where runc keeps the state of the installation's machines.
func (s *Service) RuncRoot() string { return "/run/hanok/" + s.Installation() + "/runc" }

// logMachines prints the ends of the logs inside the machines.
func (s *Service) logMachines(t *testing.T) {
	for id := range s.RuncList(t) {
		out, _ := exec.Command("runc", "--root", s.RuncRoot(), "exec", id,
			"sh", "-c", "hostname; tail -n 5 /var/log/hanok/*.log").CombinedOutput()
		if len(out) > 6000 {
			out = out[:6000]
		}
		t.Logf("machine %s:\n%s", id, out)
	}
}
