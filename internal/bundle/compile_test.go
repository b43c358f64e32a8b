package bundle

import (
	"os"
	"path/filepath"
	"testing"
)

// TestHashModule changes each kind of file of a module and of one that stands
// beside it.
func TestHashModule(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(path, content string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("main/go.mod", "module m\nreplace example.com/beside => ../beside\nreplace a => b v1.0.0\n")
	put("main/main.go", "package main")
	put("main/inner/go.mod", "module inner")
	put("beside/go.mod", "module example.com/beside")
	last := ""
	for _, step := range []struct {
		path    string
		changes bool
	}{
		{"main/main.go", true}, {"main/go.sum", true}, {"beside/beside.go", true}, {"beside/go.mod", true},
		{"main/main_test.go", false}, {"main/inner/inner.go", false}, {"other/other.go", false}, {"main/README.md", false},
	} {
		before, err := hashModule(filepath.Join(dir, "main"))
		if err != nil {
			t.Fatal(err)
		}
		put(step.path, "package changed // "+step.path)
		if last, err = hashModule(filepath.Join(dir, "main")); err != nil {
			t.Fatal(err)
		}
		if (last != before) != step.changes {
			t.Errorf("%s: the hash changed: %v, want %v", step.path, last != before, step.changes)
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "beside")); err != nil {
		t.Fatal(err)
	}
	if sum, err := hashModule(filepath.Join(dir, "main")); err == nil {
		t.Errorf("without the module beside it the hash is %s", sum)
	}
}
