package main

import (
	"os"
	"testing"
)

func TestParseRollup(t *testing.T) {
	t.Parallel()
	const text = `5629-7ffe ---p 00000000 00:00 0                          [rollup]
Rss:                8000 kB
Pss:                4100 kB
Pss_Dirty:          1000 kB
Pss_Anon:           1000 kB
Pss_File:           3000 kB
Pss_Shmem:           100 kB
`
	got, err := parseRollup([]byte(text))
	if want := (memory{4100 << 10, 1000 << 10, 3000 << 10}); err != nil || got != want {
		t.Errorf("parseRollup = %v, %v, want %v", got, err, want)
	}
	if _, err := parseRollup([]byte("Pss: 4100 kB\n")); err == nil {
		t.Error("a kernel that tells no parts gives no error")
	}
}

func TestMemoryOfThisProcess(t *testing.T) {
	t.Parallel()
	m, err := memoryOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if m.PSS < m.Anon+m.File || m.Anon < 100<<10 || m.File < 100<<10 {
		t.Errorf("memory of this process = %+v", m)
	}
}

func TestNameOf(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"/opt/hanok/bundles/v1.30.3/bin/kube\x00kube-scheduler\x00--x\x00": "kube-scheduler",
		"/opt/hanok/agent/hanok\x00agent\x00":                              agentName,
		"/usr/bin/containerd\x00--log-level\x00":                           "containerd",
		"sshd: /usr/sbin/sshd -D [listener]\x00":                           "sshd",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(dir+"/cmdline", []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := nameOf(dir); got != want {
			t.Errorf("nameOf(%q) = %q, want %q", line, got, want)
		}
	}
}

func TestStepSum(t *testing.T) {
	t.Parallel()
	m := stepSum.FindStringSubmatch(`hanok_operation_step_duration_seconds_sum{step="control-plane",type="CLUSTER_CREATE"}`)
	if m == nil || m[1] != "control-plane" || m[2] != "CLUSTER_CREATE" {
		t.Errorf("matched %v", m)
	}
}
