// Package internal_test holds the test of the house's one structural rule:
// imports point downward only.
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/hanok/hanok"

// layers lists the packages from the ground up. A package may import what
// stands in a lower layer, and nothing of its own layer but what within lists.
// The entry "x/..." stands for x and every package below it.
var layers = [][]string{
	{".", "kubernetes/settle"},
	{"internal/machine/...", "internal/client/...", "internal/diskfault", "api"},
	{"api/apitest"},
	{"internal/rootfs", "internal/agent"},
	{"internal/bundle/..."},
	{"internal/store/..."},
	{"internal/infra/..."},
	{"internal/quota"},
	{"internal/kube/...", "internal/fleet", "internal/admission"},
	{"internal/engine/..."},
	{"internal/api/..."},
	{"internal/serve"},
	{"internal/cli"},
	{"test/harness"},
	{"cmd/...", "bench/...", "test/...", "scripts/..."},
}

// only narrows what a package may import to exactly these.
var only = map[string][]string{
	"internal/machine/seed": {},
	"internal/client":       {".", "internal/client/clienttest"}, // its tests
	"internal/agent":        {".", "internal/machine", "internal/machine/seed"},
}

// contracts may be imported by what stands below their directory, which
// implements or tests them (store/sqlite → store).
var contracts = []string{"internal/store", "internal/infra", "internal/client"}

// within lists the other imports between packages of one layer.
var within = map[string][]string{
	"internal/infra/local":          {"internal/infra/local/machines/...", "internal/infra/local/network", "internal/infra/infratest"},
	"internal/infra/local/machines": {"internal/infra/local/machines/..."},
	"internal/api":                  {"internal/api/..."},
	"internal/api/*":                {"internal/api/respond", "internal/api/request"},
	"internal/api/catalogue":        {"internal/api/auth"},
	"internal/api/identity":         {"internal/api/auth"},
	"internal/api/magnum":           {"internal/api/auth"},
	"internal/store/sqlite":         {"internal/store/storetest"}, // its test runs the suite
	"internal/engine":               {"internal/engine/enginetest"},
	"internal/infra/embedded/*":     {"internal/infra/embedded"},
	"internal/infra/fake":           {"internal/infra/infratest"},
	"internal/infra/local/*":        {"internal/infra/infratest"},
}

// TestImportsPointDownward reads the imports of every file of the module,
// tests too.
func TestImportsPointDownward(t *testing.T) {
	t.Parallel()
	imports := readImports(t, "..")
	if len(imports) < 5 {
		t.Fatalf("only %d packages found: is the test looking at the wrong directory?", len(imports))
	}
	for pkg, deps := range imports {
		for dep, file := range deps {
			if why := forbidden(pkg, dep); why != "" {
				t.Errorf("%s imports %s: %s", file, dep, why)
			}
		}
	}
}

// TestForbidden shows that the rule above can fail.
func TestForbidden(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pkg, dep string
		allowed  bool
	}{
		{"internal/store", ".", true},
		{"internal/store/sqlite", "internal/store", true},
		{".", "internal/store", false},
		{"internal/store", "internal/store/sqlite", false},
		{"internal/engine", "internal/api/magnum", false},
		{"internal/api/magnum", "internal/engine", true},
		{"internal/agent", "internal/machine", true},
		{"internal/agent", "internal/rootfs", false},
		{"internal/agent", "internal/store", false},
		{"internal/client", "internal/machine", false},
		{"internal/fleet", "internal/admission", false},
		{"internal/infra/local", "internal/infra/local/network", true},
		{"internal/infra/local/network", "internal/infra/local", false},
		{"internal/infra/local/network", "internal/infra", true},
		{"internal/api/magnum", "internal/api", false},
		{"internal/unheard", ".", false},
		{"internal/cli", "internal/unheard", false},
		{"cmd/hanok", "internal/cli", true},
	}
	for _, tt := range tests {
		if why := forbidden(tt.pkg, tt.dep); (why == "") != tt.allowed {
			t.Errorf("forbidden(%s, %s) = %q, want allowed %v", tt.pkg, tt.dep, why, tt.allowed)
		}
	}
}

// forbidden tells why pkg must not import dep; "" when it may.
func forbidden(pkg, dep string) string {
	if pkg == dep {
		return "" // an external test of the package
	}
	from, to := layerOf(pkg), layerOf(dep)
	if from < 0 {
		return pkg + " stands in no layer: add it to internal/layers_test.go where it belongs"
	}
	if to < 0 {
		return dep + " stands in no layer: add it to internal/layers_test.go where it belongs"
	}
	if allowed, ok := only[pkg]; ok {
		if matchAny(allowed, dep) {
			return ""
		}
		return pkg + " may import only " + strings.Join(allowed, ", ") + " of this module"
	}
	switch {
	case to > from:
		return "that points upward"
	case to < from:
		return ""
	case slices.Contains(contracts, dep) && isParent(dep, pkg):
		return ""
	}
	for key, allowed := range within {
		if match(key, pkg) && matchAny(allowed, dep) {
			return ""
		}
	}
	return "that points sideways, within one layer"
}

// layerOf gives the layer that a package stands in, -1 where it has none.
func layerOf(pkg string) int {
	for i, layer := range layers {
		if matchAny(layer, pkg) {
			return i
		}
	}
	return -1
}

func matchAny(patterns []string, pkg string) bool {
	for _, p := range patterns {
		if match(p, pkg) {
			return true
		}
	}
	return false
}

func match(pattern, pkg string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == base || isParent(base, pkg)
	}
	ok, err := path.Match(pattern, pkg)
	return err == nil && ok
}

func isParent(dir, pkg string) bool { return strings.HasPrefix(pkg, dir+"/") }

// readImports gives, for each package of the module at root, the module's
// packages that it imports, each with a file that does.
func readImports(t *testing.T, root string) map[string]map[string]string {
	t.Helper()
	found := map[string]map[string]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p == root {
				return nil
			}
			name := d.Name()
			if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil {
				return filepath.SkipDir // a module of its own
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(rel))
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		if found[pkg] == nil {
			found[pkg] = map[string]string{}
		}
		for _, spec := range f.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if name == module {
				found[pkg]["."] = rel
			} else if dep, ok := strings.CutPrefix(name, module+"/"); ok {
				found[pkg][dep] = rel
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
