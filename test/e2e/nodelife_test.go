package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hanok/hanok/test/harness"
)

// TestFirstBootOfANode makes a node with two scripts, of which one fails, and
// with extra volumes, and looks at it from inside, as an operator does.
func TestFirstBootOfANode(t *testing.T) {
	t.Parallel()
	s := startService(t)
	r := s.request("first")
	r.labels["user_script"] = "#!/bin/bash\nset -e\ntest ! -e /var/lib/kubelet/pki\nid -un\ndf -BG --output=size /srv/data | tail -n 1 | tr -d ' '\ntouch /srv/data/by-script\n"
	r.labels["user_script_v2"] = "#!/usr/bin/python3\nimport os, sys\nprint('after the old one:', os.path.exists('/var/log/userscript.exitcode'))\nsys.exit(7)\n"
	r.labels["extra_volumes"] = []map[string]any{
		{"volume_type": "General HDD", "volume_size": 2, "volume_mount_path": "/srv/data"},
		{"volume_type": "General SSD", "volume_size": 1, "volume_key_id": "", "volume_appkey": ""},
	}
	c := s.create(t, r)

	shown := s.show(t, c.uuid)
	if !strings.Contains(shown.StatusReason, "userscript_v2") || !strings.Contains(shown.StatusReason, "exit code 7") {
		t.Errorf("the cluster's reason does not tell of the failed script: %q", shown.StatusReason)
	}
	events, err := s.Client.Events(t.Context(), c.uuid)
	if err != nil || len(events) != 1 || events[0].State != "SUCCESS" {
		t.Fatalf("events %+v, %v", events, err)
	}
	node := s.workerName(t, c)
	shell := func(command string) string {
		return strings.TrimSpace(s.Hanok(t, "node", "shell", node, "--state-dir", s.Dir, "--", "sh", "-c", command))
	}
	for file, want := range map[string]string{
		"userscript.exitcode": "0", "userscript.output": "root\n2G",
		"userscript_v2.exitcode": "7", "userscript_v2.output": "after the old one: True",
	} {
		if got := shell("cat /var/log/" + file); got != want {
			t.Errorf("%s holds %q, want %q", file, got, want)
		}
	}
	if got := shell("ls /srv/data/by-script; stat -c %F /dev/vdc"); got != "/srv/data/by-script\nblock special file" {
		t.Errorf("the volumes: %q", got)
	}

	var report struct {
		UUID, Machine string
		Report        struct {
			Ready     bool
			Processes []struct{ Name, State string }
			Scripts   []struct {
				Name     string
				ExitCode int `json:"exit_code"`
			}
		}
	}
	out := s.Hanok(t, "node", "show", node, "--state-dir", s.Dir, "-o", "json")
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if r := report.Report; !r.Ready || report.Machine != "ACTIVE" || len(r.Scripts) != 2 || r.Scripts[1].ExitCode != 7 || len(r.Processes) < 4 {
		t.Errorf("node show: %s", out)
	}
	if out := s.Hanok(t, "node", "show", node, "--state-dir", s.Dir); !strings.Contains(out, "kubelet") || !strings.Contains(out, "userscript_v2") {
		t.Errorf("node show in a table:\n%s", out)
	}
	if out := s.Hanok(t, "node", "show", "first-master-0", "--state-dir", s.Dir); !strings.Contains(out, "kube-apiserver") {
		t.Errorf("node show of the control plane:\n%s", out)
	}
	if out := s.Hanok(t, "node", "logs", node, "agent", "-n", "500", "--state-dir", s.Dir); !strings.Contains(out, "agent starts") {
		t.Errorf("the agent's log:\n%s", out)
	}
	if out := s.Hanok(t, "node", "logs", node, "userscript_v2", "--state-dir", s.Dir); out != "after the old one: True\n" {
		t.Errorf("the script's log: %q", out)
	}
	if out := s.Hanok(t, "node", "logs", node, "--state-dir", s.Dir); !strings.Contains(out, "kubelet.log") {
		t.Errorf("all logs:\n%s", out)
	}
	for _, wrong := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"logs", node, "nothing"}, 3, "there are: agent "},
		{[]string{"show", "no-such-node"}, 3, "could not be found"},
		{[]string{"shell", node, "--", "sh", "-c", "exit 42"}, 42, ""},
		{[]string{"shell", node, "true"}, 2, "put --"},
	} {
		// Flags before "--": what follows it is the command's.
		args := append([]string{"node", wrong.args[0], "--state-dir", s.Dir}, wrong.args[1:]...)
		out, err := s.TryHanok(args...)
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != wrong.code || !strings.Contains(out, wrong.says) {
			t.Errorf("node %v: %v, %s; want code %d and %q", wrong.args, err, out, wrong.code, wrong.says)
		}
	}

	// Without the service the inside can still be reached, by UUID.
	s.Kill(t)
	if out := s.Hanok(t, "node", "shell", report.UUID, "--state-dir", s.Dir, "--", "hostname"); strings.TrimSpace(out) != node {
		t.Errorf("hostname without the service: %q", out)
	}
	if out, err := s.TryHanok("node", "show", node, "--state-dir", s.Dir); err == nil || !strings.Contains(out, "no service runs") {
		t.Errorf("show without the service: %v %s", err, out)
	}
	s.Start(t)
	s.delete(t, c.uuid)
}

// workerName gives the name of the cluster's only worker.
func (s *service) workerName(t *testing.T, c *cluster) string {
	t.Helper()
	names := strings.Fields(c.run(t, "get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"))
	if len(names) != 1 {
		t.Fatalf("nodes are %v, want one", names)
	}
	return names[0]
}

// TestMachineKilledFromOutside: a machine that cannot come back shows as
// unhealthy within a minute, one that can comes back by itself.
func TestMachineKilledFromOutside(t *testing.T) {
	t.Parallel()
	s := startService(t)
	c := s.create(t, s.request("killed"))
	node := s.workerName(t, c)
	var report struct{ UUID string }
	if err := json.Unmarshal([]byte(s.Hanok(t, "node", "show", node, "--state-dir", s.Dir, "-o", "json")), &report); err != nil {
		t.Fatal(err)
	}

	// Killed whenever it comes back: it is down, whatever the service tries.
	down := time.Now()
	harness.Eventually(t, time.Minute, "the cluster is unhealthy", func() error {
		// It may be on its way up or down, and then has no state to read.
		out, err := exec.Command("runc", "--root", s.RuncRoot(), "state", report.UUID).Output()
		var machine struct{ PID int }
		if err == nil && json.Unmarshal(out, &machine) == nil && machine.PID > 1 {
			_ = syscall.Kill(machine.PID, syscall.SIGKILL)
		}
		if got := s.show(t, c.uuid); got.HealthStatus != "UNHEALTHY" || got.HealthStatusReason[node+".Ready"] == "True" {
			return fmt.Errorf("health %s, %v", got.HealthStatus, got.HealthStatusReason)
		}
		return nil
	})
	t.Logf("unhealthy %v after the first kill", time.Since(down).Round(100*time.Millisecond))
	up := time.Now()
	harness.Eventually(t, 2*time.Minute, "the cluster is healthy again", func() error {
		if got := s.show(t, c.uuid); got.HealthStatus != "HEALTHY" {
			return fmt.Errorf("health %s, %v", got.HealthStatus, got.HealthStatusReason)
		}
		return nil
	})
	t.Logf("healthy %v after the last kill", time.Since(up).Round(100*time.Millisecond))
	s.delete(t, c.uuid)
}

// TestDeletedNodeRegistersAgain: a node whose Node object a user deletes is
// back within a minute. Nothing but its kubelet was started anew for it: its
// pods have gone on, and reach those of the other node and are reached.
func TestDeletedNodeRegistersAgain(t *testing.T) {
	t.Parallel()
	s := startService(t)
	r := s.request("healed")
	r.nodes = 2
	c := s.create(t, r)
	s.loadProbe(t, c)
	c.apply(t, "default", render(t, "workload.yaml", nil))
	c.run(t, "-n", "default", "rollout", "status", "deployment/echo", "--timeout=120s")
	containers := func() string {
		t.Helper()
		return c.run(t, "-n", "default", "get", "pods", "-l", "app=echo", "--sort-by=.metadata.name", "-o",
			`jsonpath={range .items[*]}{.metadata.uid} {.spec.nodeName} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}{"\n"}{end}`)
	}
	pods, processes := containers(), s.machinePIDs(t)
	node := strings.Fields(pods)[1]

	c.run(t, "delete", "node", node)
	gone := time.Now()
	harness.Eventually(t, time.Minute, node+" is Ready again", func() error {
		out, err := c.try("get", "node", node, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status} {.spec.podCIDR} {.metadata.annotations.flannel\.alpha\.coreos\.com/public-ip}`)
		if fields := strings.Fields(out); err != nil || len(fields) != 3 || fields[0] != "True" {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	t.Logf("Ready %v after it was deleted", time.Since(gone).Round(100*time.Millisecond))
	harness.Eventually(t, time.Minute, "the cluster is healthy again", func() error {
		if got := s.show(t, c.uuid); got.HealthStatus != "HEALTHY" || got.Status != "CREATE_COMPLETE" {
			return fmt.Errorf("%s, health %s, %v", got.Status, got.HealthStatus, got.HealthStatusReason)
		}
		return nil
	})
	var ended []string
	running := s.machinePIDs(t)
	for _, p := range processes {
		if !slices.Contains(running, p) {
			ended = append(ended, p)
		}
	}
	if len(ended) != 1 || !strings.HasSuffix(ended[0], ":kube") {
		t.Errorf("processes %v ended, want one kubelet", ended)
	}
	// Nobody collects the node's pods as orphans after all: that takes most of
	// a minute from the deletion, and the node is back before.
	for _, from := range c.echoPods(t) {
		for _, to := range c.echoPods(t) {
			harness.Eventually(t, 20*time.Second, "pods reach each other", func() error {
				out, err := c.try("-n", "default", "exec", from.name, "--", "/probe", "get", "http://"+to.ip+":8080/")
				if err != nil || strings.TrimSpace(out) != to.name {
					return fmt.Errorf("from %s on %s to %s on %s: %w: %s", from.name, from.node, to.name, to.node, err, out)
				}
				return nil
			})
		}
	}
	if now := containers(); now != pods {
		t.Errorf("the pods were\n%sand are\n%s", pods, now)
	}
	s.delete(t, c.uuid)
}
