package machines

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestOnSharedMounts runs some tests again where, as under systemd, every
// mount of the host is shared: what a machine mounts must stay in it, and
// what the host unmounts must go.
func TestOnSharedMounts(t *testing.T) {
	testTree(t)
	if os.Getenv("HANOK_SHARED_MOUNTS") != "" {
		t.Skip("these are the shared mounts")
	}
	cmd := exec.Command("unshare", "--mount", "--propagation", "shared",
		os.Args[0], "-test.run=^(TestLife|TestInside|TestReboot|TestHardDeletion)$")
	cmd.Env = append(os.Environ(), "HANOK_SHARED_MOUNTS=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v:\n%s", err, out)
	}
}
