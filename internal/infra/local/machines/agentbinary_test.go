package machines

import (
	"os"
	"path/filepath"
	"testing"
)

// TestInstallAgent: a newer program takes the place of the older, whose file
// stays whole for those that run it.
func TestInstallAgent(t *testing.T) {
	t.Parallel()
	dir, program := t.TempDir(), filepath.Join(t.TempDir(), "hanok")
	target := filepath.Join(dir, "hanok")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(program+".new", []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(program+".new", program); err != nil {
			t.Fatal(err)
		}
	}
	var running *os.File
	for i, content := range []string{"one", "one", "two"} {
		if i != 1 {
			write(content)
		}
		if err := installAgent(dir, program); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(target)
		if err != nil || string(raw) != content {
			t.Errorf("the agent's program is %q (%v), want %q", raw, err, content)
		}
		if i == 0 {
			if running, err = os.Open(target); err != nil {
				t.Fatal(err)
			}
			defer running.Close()
		}
	}
	old := make([]byte, 8)
	if n, _ := running.ReadAt(old, 0); string(old[:n]) != "one" {
		t.Errorf("the file that was in use holds %q now", old[:n])
	}
	if err := installAgent(dir, filepath.Join(dir, "absent")); err == nil {
		t.Error("a program that does not exist was installed")
	}
}

// TestForgetLastBoot: a run directory of this boot is kept, an older one not.
func TestForgetLastBoot(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	state := filepath.Join(dir, "runc")
	for _, tt := range []struct {
		boot string
		kept bool
	}{{"", true}, {"another boot", false}} {
		if err := forgetLastBoot(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(state, 0o755); err != nil {
			t.Fatal(err)
		}
		if tt.boot != "" {
			if err := os.WriteFile(filepath.Join(dir, "boot-id"), []byte(tt.boot), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := forgetLastBoot(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(state); (err == nil) != tt.kept {
			t.Errorf("after boot %q: kept %v, want %v", tt.boot, err == nil, tt.kept)
		}
	}
}
