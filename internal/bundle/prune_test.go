package bundle

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// builds makes a bundle twice, from sources that change in between, and gives
// the names of the builds and of a compiled part that only the first needs.
func builds(t *testing.T) (c *Cache, first, second, oldPart string) {
	t.Helper()
	src := sources(t)
	c = Open(t.TempDir())
	build := func() string {
		b, err := c.Build(t.Context(), Options{Version: "v1.99.0", SourceDir: src})
		if err != nil {
			t.Fatal(err)
		}
		target, err := os.Readlink(b.Dir)
		if err != nil {
			t.Fatal(err)
		}
		return filepath.Base(target)
	}
	parts := func() (list []string) {
		entries, err := os.ReadDir(filepath.Join(c.Dir(), "artifacts"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.Contains(e.Name(), ".") {
				list = append(list, e.Name())
			}
		}
		return list
	}
	first = build()
	before := parts()
	certs := filepath.Join(src, "addons/certs/main.go")
	if err := os.WriteFile(certs, []byte("package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(\"OTHERS\\n\") }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	second = build()
	needed, err := c.neededParts()
	if err != nil {
		t.Fatal(err)
	}
	gone := slices.DeleteFunc(before, func(key string) bool { return needed[key] })
	if first == second || len(gone) != 1 {
		t.Fatalf("builds %s and %s, old parts %v", first, second, gone)
	}
	return c, first, second, gone[0]
}

func usedBy(users map[string][]string) Users {
	return func(time.Time) (map[string][]string, error) { return users, nil }
}

func names(old []Old) (list []string) {
	for _, o := range old {
		list = append(list, strings.TrimSpace(o.Kind+" "+o.Name+" "+strings.Join(o.UsedBy, ", ")))
	}
	slices.Sort(list)
	return list
}

// TestPrune: what is used stays, what is shown is not removed, and what nobody
// uses goes, without harm to the latest build.
func TestPrune(t *testing.T) {
	t.Parallel()
	c, first, second, part := builds(t)
	there := func(what string, want bool) {
		t.Helper()
		for name, path := range map[string]string{"build": ".builds/" + first, "part": "../artifacts/" + part} {
			_, err := os.Stat(filepath.Join(c.Dir(), "bundles", path))
			if errors.Is(err, fs.ErrNotExist) == want {
				t.Errorf("%s: the old %s is there: %v", what, name, !want)
			}
		}
	}
	unfinished := filepath.Join(c.Dir(), "bundles", ".partial-v1.99.0")
	if err := os.MkdirAll(filepath.Join(unfinished, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	want := []string{"build " + first, "compiled part " + part, "unfinished build .partial-v1.99.0"}
	old, err := c.Old(t.Context(), "", usedBy(nil))
	if err != nil || !slices.Equal(names(old), want) {
		t.Errorf("Old gives %q, %v, want %q", names(old), err, want)
	}
	there("after a look", true)

	// Somebody uses it, or may, or it cannot be known.
	for user, users := range map[string]map[string][]string{
		"m": {first: {"m"}, second: {"n"}},
		"x": {"": {"x"}},
	} {
		old, err := c.Prune(t.Context(), "v1.99.0", usedBy(users))
		if want := "build " + first + " " + user; err != nil || !slices.Contains(names(old), want) {
			t.Errorf("Prune gives %q, %v, want %q", names(old), err, want)
		}
		there("used by "+user, true)
	}
	lost := errors.New("no answer")
	if _, err := c.Prune(t.Context(), "", func(time.Time) (map[string][]string, error) { return nil, lost }); !errors.Is(err, lost) {
		t.Errorf("where nobody knows the users: %v", err)
	}
	there("used by nobody knows whom", true)
	if _, err := c.Prune(t.Context(), "v1.98.0", usedBy(nil)); err != nil {
		t.Fatal(err)
	}
	there("of another version", true)

	if old, err := c.Prune(t.Context(), "", usedBy(nil)); err != nil || len(old) != 2 {
		t.Errorf("Prune gives %q, %v", names(old), err)
	}
	there("used by nobody", false)
	noPartials(t, c)
	if old, err := c.Old(t.Context(), "", usedBy(nil)); err != nil || len(old) != 0 {
		t.Errorf("after a prune Old gives %q, %v", names(old), err)
	}
	if b, err := Open(c.Dir()).Verify(t.Context(), "v1.99.0"); err != nil || !strings.Contains(second, b.Digest[:16]) {
		t.Errorf("the latest build: %v", err)
	}
}

// TestPruneAsksOfTheLatest: machines that were made after the latest build
// took its name cannot use an older one, so users are told when that was.
func TestPruneAsksOfTheLatest(t *testing.T) {
	t.Parallel()
	c, _, second, _ := builds(t)
	info, err := os.Stat(filepath.Join(c.Dir(), "bundles/.builds", second, manifestName))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Old(t.Context(), "", func(latest time.Time) (map[string][]string, error) {
		if latest.Before(info.ModTime()) || latest.After(time.Now()) {
			t.Errorf("the latest build took its name at %v, want a time after %v", latest, info.ModTime())
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
