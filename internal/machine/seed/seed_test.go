package seed

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// fakeBundle is a bundle directory with a seed of two blobs and two layers.
func fakeBundle(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for path, text := range map[string]string{
		metaDB:                           "images",
		snapshotDB:                       "snapshots",
		blobs + "/aaaa":                  "layer",
		blobs + "/bbbb":                  "manifest",
		snapshots + "/1/fs/pause":        "program",
		snapshots + "/2/fs/etc/hostname": "x",
	} {
		full := filepath.Join(dir, Dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// checkSeeded looks at root as containerd would.
func checkSeeded(t *testing.T, bundle, root string) {
	t.Helper()
	for path, want := range map[string]string{
		metaDB: "images", snapshotDB: "snapshots", blobs + "/aaaa": "layer",
		snapshots + "/1/fs/pause": "program", snapshots + "/2/fs/etc/hostname": "x",
	} {
		if got, err := os.ReadFile(filepath.Join(root, path)); err != nil || string(got) != want {
			t.Errorf("%s = %q, %v", path, got, err)
		}
	}
	for _, path := range []string{metaDB, snapshotDB} {
		if info, err := os.Lstat(filepath.Join(root, path)); err != nil || !info.Mode().IsRegular() || info.Mode().Perm() != 0o600 {
			t.Errorf("%s must be a file of the machine's own, mode 0600: %v, %v", path, info, err)
		}
	}
	for _, path := range []string{blobs + "/aaaa", snapshots + "/1/fs"} {
		if target, err := os.Readlink(filepath.Join(root, path)); err != nil || target != filepath.Join(bundle, Dir, path) {
			t.Errorf("%s links to %q, %v", path, target, err)
		}
	}
	if info, err := os.Stat(filepath.Join(root, snapshots, "1/work")); err != nil || !info.IsDir() {
		t.Errorf("overlayfs needs a work directory: %v", err)
	}
	if !Applied(bundle, root) {
		t.Error("Applied = false after Apply")
	}
	if from, ok := From(root); !ok || from != bundle {
		t.Errorf("seeded from %q, %v, want %s", from, ok, bundle)
	}
	if from, ok := From(t.TempDir()); ok {
		t.Errorf("an empty root was seeded from %q", from)
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	bundle, root := fakeBundle(t), filepath.Join(t.TempDir(), "containerd")
	if Applied(bundle, root) {
		t.Error("Applied = true before Apply")
	}
	for range 2 {
		if err := Apply(bundle, root); err != nil {
			t.Fatal(err)
		}
		checkSeeded(t, bundle, root)
	}
}

// TestApplyCutShort cuts Apply after each of its files and finishes it.
func TestApplyCutShort(t *testing.T) {
	t.Parallel()
	whole := t.TempDir()
	bundle := fakeBundle(t)
	if err := Apply(bundle, whole); err != nil {
		t.Fatal(err)
	}
	for _, keep := range [][]string{
		nil, {blobs + "/aaaa"}, {blobs + "/aaaa", blobs + "/bbbb", snapshots + "/1/fs"}, {snapshots + "/1/fs", snapshots + "/2/fs"},
	} {
		root := t.TempDir()
		for _, path := range keep {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join(bundle, Dir, path), filepath.Join(root, path)); err != nil {
				t.Fatal(err)
			}
		}
		// Half a database was written when the power went.
		for _, db := range []string{metaDB, snapshotDB} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(root, db)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, db)+".tmp", []byte("im"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := Apply(bundle, root); err != nil {
			t.Fatalf("finishing after %v: %v", keep, err)
		}
		checkSeeded(t, bundle, root)
	}
}

func TestApplyLeavesUsedRootAlone(t *testing.T) {
	t.Parallel()
	bundle, root := fakeBundle(t), t.TempDir()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(root, metaDB)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, metaDB), []byte("in use"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Apply(bundle, root); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(root, metaDB)); string(got) != "in use" {
		t.Errorf("the database became %q", got)
	}
	if Applied(bundle, root) {
		t.Error("Applied = true for a root that was never seeded")
	}
}

// TestApplyNamesTheBuild: the machine goes on with the build that it was seeded
// from when the release's name moves to another.
func TestApplyNamesTheBuild(t *testing.T) {
	t.Parallel()
	build, next, root := fakeBundle(t), fakeBundle(t), t.TempDir()
	current := filepath.Join(t.TempDir(), "v1.30.3")
	if err := os.Symlink(build, current); err != nil {
		t.Fatal(err)
	}
	if err := Apply(current, root); err != nil {
		t.Fatal(err)
	}
	checkSeeded(t, build, root)
	if !Applied(current, root) {
		t.Error("Applied = false by the release's name")
	}
	if err := errors.Join(os.Remove(current), os.Symlink(next, current)); err != nil {
		t.Fatal(err)
	}
	checkSeeded(t, build, root)
	if Applied(current, root) {
		t.Error("Applied = true for a build that the machine was not seeded from")
	}
}

func TestApplyWithoutSeed(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "containerd")
	if err := Apply(t.TempDir(), root); !errors.Is(err, ErrNoSeed) {
		t.Errorf("Apply = %v, want ErrNoSeed", err)
	}
	if _, err := os.Stat(root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the root was touched: %v", err)
	}
}

// TestApplyRefusesForeignFiles: something else under a blob's name is not
// overwritten.
func TestApplyRefusesForeignFiles(t *testing.T) {
	t.Parallel()
	bundle, root := fakeBundle(t), t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, blobs), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, blobs, "aaaa"), []byte("foreign"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Apply(bundle, root); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Apply = %v, want ErrExist", err)
	}
}
