package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/api/operator"
	"github.com/hanok/hanok/internal/machine"
)

// TestShowNode: the report of an agent that is off with its machine says
// nothing of now, so it is not shown as if it did.
func TestShowNode(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	reported := now.Add(-90 * time.Second)
	for machineStatus, tt := range map[string]struct{ says, not string }{
		"ACTIVE":  {"kubelet", "is off"},
		"SHUTOFF": {"is off with its machine; it reported last 1m30s ago", "kubelet"},
	} {
		var out strings.Builder
		err := showNode(&out, output{format: "table"}, operator.Node{
			Name: "demo-node-0", Machine: machineStatus, ReportedAt: &reported,
			Report: &machine.Report{Ready: true, Processes: []machine.ProcessReport{{Name: "kubelet", State: machine.ProcessReady}}},
		}, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := out.String(); !strings.Contains(got, "demo-node-0") || !strings.Contains(got, tt.says) || strings.Contains(got, tt.not) {
			t.Errorf("a node whose machine is %s:\n%s", machineStatus, got)
		}
	}
}
