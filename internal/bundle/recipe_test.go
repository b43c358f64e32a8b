package bundle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadRecipeRefuses(t *testing.T) {
	t.Parallel()
	const programs = "programs: [{path: bin/kube, module: .}]\n"
	tests := []struct{ name, text, want string }{
		{"other version", "version: v1.29.3\n" + programs, "v1.29.3"},
		{"unknown field", "version: v1.30.3\nprogramms: []\n", "programms"},
		{"outside", "version: v1.30.3\nprograms: [{path: ../kube, module: .}]\n", "must be a path"},
		{"elsewhere", "version: v1.30.3\nprograms: [{path: kube, module: .}]\n", `under "bin/"`},
		{"twice", "version: v1.30.3\nprograms: [{path: bin/kube, module: ., names: [kube]}]\n", "listed twice"},
		{"no module", "version: v1.30.3\nprograms: [{path: bin/kube}]\n", "module is missing"},
		{"no ref", "version: v1.30.3\nimages: [{path: images/a.tar, program: {path: a, module: .}}]\n", "ref"},
		{"unknown capability", "version: v1.30.3\nimages: [{path: images/a.tar, ref: a, file_capabilities: [sys_admin], program: {path: a, module: .}}]\n", "sys_admin"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "v1.30.3"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "v1.30.3", recipeName), []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := readRecipe(dir, "v1.30.3"); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("readRecipe = %v, want %q", err, tt.want)
			}
		})
	}
}

// TestShippedRecipes reads the recipes of the repository and looks for the
// modules and files that they name.
func TestShippedRecipes(t *testing.T) {
	t.Parallel()
	const dir = "../../kubernetes"
	versions, err := Sources(dir)
	if err != nil || len(versions) == 0 {
		t.Fatalf("Sources = %v, %v", versions, err)
	}
	for _, version := range versions {
		r, err := readRecipe(dir, version)
		if err != nil {
			t.Error(err)
			continue
		}
		links := map[string]bool{}
		for _, p := range r.Programs {
			links[filepath.Base(p.Path)] = true
			for _, name := range p.Names {
				links[name] = true
			}
		}
		for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet"} {
			if !links[name] {
				t.Errorf("%s: no component %s", version, name)
			}
		}
		modules := []string{}
		for _, p := range r.Programs {
			modules = append(modules, p.Module)
		}
		for _, i := range r.Images {
			modules = append(modules, i.Program.Module)
			if i.Certificates != "" {
				modules = append(modules, i.Certificates)
			}
		}
		for _, m := range modules {
			for _, name := range []string{"go.mod", "go.sum"} {
				if _, err := os.Stat(filepath.Join(r.dir, m, name)); err != nil {
					t.Errorf("%s: module %s: %v", version, m, err)
				}
			}
		}
	}
}
