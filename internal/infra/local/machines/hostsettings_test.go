package machines

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHostSettings: the last installation to go gives back what the first
// one found, unless somebody changed it since.
func TestHostSettings(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: changes settings of the host")
	}
	const name = "kernel/keys/maxkeys"
	path := filepath.Join("/proc/sys", name)
	read := func() string {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Skipf("this kernel has no %s: %v", name, err)
		}
		return strings.TrimSpace(string(raw))
	}
	others := hostSettingsUsers()
	before := read()
	one, two := randomInstallation(), randomInstallation()
	t.Cleanup(func() {
		_ = restoreHostSettings(one)
		_ = restoreHostSettings(two)
	})
	for _, inst := range []string{one, two, one} {
		if err := raiseHostSettings(inst, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
	}
	if read() != "20000" {
		t.Fatalf("%s is %s, want 20000", name, read())
	}
	if err := restoreHostSettings(one); err != nil {
		t.Fatal(err)
	}
	if read() != "20000" {
		t.Errorf("%s went back to %s while an installation counts on it", name, read())
	}
	if err := restoreHostSettings(two); err != nil {
		t.Fatal(err)
	}
	if others = append(others, hostSettingsUsers()...); len(others) > 0 {
		t.Logf("installations %v count on the settings too: their return is not looked at", others)
		return
	}
	if read() != before {
		t.Errorf("%s is %s afterwards, was %s", name, read(), before)
	}
	if _, err := os.Stat(filepath.Join(runRoot, hostSettingsFile)); err == nil {
		t.Error("the record of the settings remains")
	}
}
