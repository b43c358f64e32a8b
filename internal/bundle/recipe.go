package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/hanok/hanok"
)

// recipeName is the file in a release's source directory that says what its
// bundle holds.
const recipeName = "bundle.yaml"

// recipe says how a bundle is made.
type recipe struct {
	Version    string            `json:"version"`
	Components map[string]string `json:"components"`
	Programs   []programRecipe   `json:"programs"`
	Images     []imageRecipe     `json:"images"`

	dir string // where the recipe lies; modules are relative to it
}

// programRecipe makes one static program, from Go or, with CSource, from C.
type programRecipe struct {
	Path      string            `json:"path"`
	Module    string            `json:"module"`         // directory of the Go module
	Package   string            `json:"package"`        // default "."
	Tags      []string          `json:"tags,omitempty"` // build tags
	Variables map[string]string `json:"variables"`      // -X of the linker, -D of the C compiler
	CModule   string            `json:"c_module"`       // the required module that holds CSource
	CSource   string            `json:"c_source"`
	Names     []string          `json:"names"` // links beside the program
}

// imageRecipe makes one container image around one program.
type imageRecipe struct {
	Path             string        `json:"path"`
	Ref              string        `json:"ref"`
	User             string        `json:"user"`
	FileCapabilities []string      `json:"file_capabilities"`
	Certificates     string        `json:"certificates"` // module directory that prints the CA file
	Program          programRecipe `json:"program"`
}

// Sources returns the versions that a source directory has recipes for, and
// the newest of them is last.
func Sources(dir string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "v*", recipeName))
	if err != nil {
		return nil, err
	}
	var versions []string
	for _, p := range found {
		if v := filepath.Base(filepath.Dir(p)); CheckVersion(v) == nil {
			versions = append(versions, v)
		}
	}
	slices.SortFunc(versions, hanok.CompareVersions)
	return versions, nil
}

// CheckSources tells why a version cannot be built from a source directory;
// nil when it can.
func CheckSources(dir, version string) error {
	_, err := readRecipe(dir, version)
	return err
}

func readRecipe(sourceDir, version string) (*recipe, error) {
	dir := filepath.Join(sourceDir, version)
	raw, err := os.ReadFile(filepath.Join(dir, recipeName))
	if errors.Is(err, os.ErrNotExist) {
		have, _ := Sources(sourceDir)
		return nil, fmt.Errorf("%s holds no sources of Kubernetes %s (it has: %s); name the kubernetes/ directory of hanok's sources with --source or HANOK_SOURCE_DIR",
			sourceDir, version, strings.Join(have, ", "))
	}
	if err != nil {
		return nil, err
	}
	r := &recipe{dir: dir}
	if err := yaml.UnmarshalStrict(raw, r); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, recipeName), err)
	}
	if err := r.check(version); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, recipeName), err)
	}
	return r, nil
}

func (r *recipe) check(version string) error {
	if r.Version != version {
		return fmt.Errorf("version: %q stands in the directory of %s", r.Version, version)
	}
	seen := map[string]bool{}
	path := func(field, p, under string) error {
		if !localPath(p) || under != "" && !strings.HasPrefix(p, under) {
			return fmt.Errorf("%s: %q must be a path under %q", field, p, under)
		}
		if seen[p] {
			return fmt.Errorf("%s: %q is listed twice", field, p)
		}
		seen[p] = true
		return nil
	}
	for _, p := range r.Programs {
		under := "bin/"
		if strings.HasPrefix(p.Path, "cni/") {
			under = "cni/"
		}
		if err := path("programs", p.Path, under); err != nil {
			return err
		}
		if p.Module == "" {
			return fmt.Errorf("programs: %s: module is missing", p.Path)
		}
		for _, name := range p.Names {
			if err := path("programs: "+p.Path+": names", filepath.Dir(p.Path)+"/"+name, under); err != nil {
				return err
			}
		}
	}
	for _, i := range r.Images {
		if err := path("images", i.Path, "images/"); err != nil {
			return err
		}
		if i.Ref == "" || i.Program.Module == "" || !localPath(i.Program.Path) {
			return fmt.Errorf("images: %s: ref, program.path and program.module are required", i.Path)
		}
		if _, err := capabilityXattr(i.FileCapabilities); err != nil {
			return fmt.Errorf("images: %s: file_capabilities: %w", i.Path, err)
		}
	}
	return nil
}
