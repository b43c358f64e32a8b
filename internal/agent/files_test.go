package agent

import (
	"os"
	"path/filepath"
	"testing"
)

func TestEnsureFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "dir/file")
	if err := ensureFile(path, []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	before, _ := os.Stat(path)
	if err := ensureFile(path, []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("a file that was as wanted was replaced")
	}
	if err := ensureFile(path, []byte("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(path); after.Mode() != 0o644 {
		t.Errorf("mode %v", after.Mode())
	}
	entries, _ := os.ReadDir(filepath.Dir(path))
	if len(entries) != 1 {
		t.Errorf("temporary files are left: %v", entries)
	}
}
