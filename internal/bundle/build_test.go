package bundle

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// sources writes a source tree with two little programs and an image, and
// returns its directory.
func sources(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("Go is not in PATH")
	}
	dir := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("v1.99.0/go.mod", "module example.org/kube\n\ngo 1.24\n")
	write("v1.99.0/main.go", "package main\n\nvar version string\n\nfunc main() { println(version) }\n")
	write("v1.99.0/bundle.yaml", `version: v1.99.0
components: {kubernetes: v1.99.0}
programs:
  - {path: bin/kube, module: ., variables: {main.version: v1.99.0}, names: [kubelet, kubectl]}
  - {path: cni/bridge, module: ../addons/bridge, package: ./cmd}
images:
  - path: images/dns.tar
    ref: registry.example/dns:v1
    user: "65532:65532"
    file_capabilities: [net_bind_service]
    certificates: ../addons/certs
    program: {path: dns, module: ../addons/bridge, package: ./cmd}
`)
	write("addons/bridge/go.mod", "module example.org/bridge\n\ngo 1.24\n")
	write("addons/bridge/cmd/main.go", "package main\n\nfunc main() { println(\"bridge\") }\n")
	write("addons/certs/go.mod", "module example.org/certs\n\ngo 1.24\n")
	write("addons/certs/main.go", "package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(\"CERTS\\n\") }\n")
	return dir
}

// recorder notes the phases of a build.
type recorder struct {
	mu     sync.Mutex
	phases []string
	failed []error
}

func (r *recorder) begin(phase string) func(error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phases = append(r.phases, phase)
	return func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil {
			r.failed = append(r.failed, err)
		}
	}
}

func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.phases
	r.phases = nil
	return p
}

// TestBuild goes through a bundle's life: built, built again, damaged, changed,
// pruned.
func TestBuild(t *testing.T) {
	t.Parallel()
	src, c, rec := sources(t), Open(t.TempDir()), &recorder{}
	build := func() *Bundle {
		t.Helper()
		b, err := c.Build(t.Context(), Options{Version: "v1.99.0", SourceDir: src, Progress: rec.begin})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	first := build()
	if got := rec.take(); !slices.Equal(got, []string{"Compiling kube", "Compiling bridge", "Compiling dns", "Compiling certs"}) {
		t.Errorf("phases = %q", got)
	}
	if out, err := exec.Command(first.Path("bin/kubectl")).CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "v1.99.0" {
		t.Errorf("kubectl printed %q, %v", out, err)
	}
	if versions, err := Sources(src); err != nil || !slices.Equal(versions, []string{"v1.99.0"}) {
		t.Errorf("Sources = %v, %v", versions, err)
	}

	if again := build(); again.Digest != first.Digest || len(rec.take()) != 0 {
		t.Error("an up-to-date bundle was built again")
	}

	// A program that rots in place is made anew although its artifact is the
	// same file, and nothing else is compiled.
	if err := os.WriteFile(first.Path("cni/bridge"), []byte("rotten"), 0o755); err != nil {
		t.Fatal(err)
	}
	repaired := build()
	if got := rec.take(); repaired.Digest != first.Digest || !slices.Equal(got, []string{"Compiling bridge"}) {
		t.Errorf("repair: same bundle %v, phases %q", repaired.Digest == first.Digest, got)
	}
	if err := os.Remove(repaired.Path("images/dns.tar")); err != nil {
		t.Fatal(err)
	}
	if b := build(); b.Digest != first.Digest || len(rec.take()) != 0 {
		t.Error("an image that was lost is put together again without compiling")
	}

	// Other sources, other bundle; the old one stays for machines that have it.
	old, err := filepath.EvalSymlinks(first.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(src, "addons/bridge/cmd/main.go"), []byte("package main\n\nfunc main() { println(\"bridge 2\") }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	changed := build()
	if got := rec.take(); changed.Digest == first.Digest || !slices.Equal(got, []string{"Compiling bridge", "Compiling dns"}) {
		t.Errorf("change: new digest %v, phases %q", changed.Digest != first.Digest, got)
	}
	for dir, says := range map[string]string{old: "bridge", changed.Dir: "bridge 2"} {
		if out, err := exec.Command(filepath.Join(dir, "cni/bridge")).CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != says {
			t.Errorf("%s printed %q, %v; want %q", dir, out, err, says)
		}
	}
	noPartials(t, c)
}

func noPartials(t *testing.T, c *Cache) {
	t.Helper()
	for _, pattern := range []string{"bundles/.partial*", "bundles/.current*", "artifacts/*.tmp"} {
		if left, _ := filepath.Glob(filepath.Join(c.Dir(), pattern)); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// TestBuildReproducible: the same sources make the same bundle in another
// place.
func TestBuildReproducible(t *testing.T) {
	t.Parallel()
	var digests []string
	for range 2 {
		b, err := Open(t.TempDir()).Build(t.Context(), Options{Version: "v1.99.0", SourceDir: sources(t)})
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, b.Digest)
	}
	if digests[0] != digests[1] {
		t.Errorf("two builds of the same sources have digests %v", digests)
	}
}

func TestBuildAtOnce(t *testing.T) {
	t.Parallel()
	src, dir, rec := sources(t), t.TempDir(), &recorder{}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := Open(dir).Build(t.Context(), Options{Version: "v1.99.0", SourceDir: src, Progress: rec.begin}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := rec.take(); len(got) != 4 {
		t.Errorf("three builds at once did %q, want each part once", got)
	}
}

func TestBuildFails(t *testing.T) {
	t.Parallel()
	src, c, rec := sources(t), Open(t.TempDir()), &recorder{}
	broken := filepath.Join(src, "addons/bridge/cmd/main.go")
	if err := os.WriteFile(broken, []byte("package main\n\nfunc main() { undefined() }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := c.Build(t.Context(), Options{Version: "v1.99.0", SourceDir: src, Progress: rec.begin})
	if err == nil || !strings.Contains(err.Error(), "undefined: undefined") {
		t.Errorf("Build = %v, want the compiler's words", err)
	}
	if len(rec.failed) != 1 {
		t.Errorf("phases that failed: %v", rec.failed)
	}
	if _, err := os.Stat(c.bundleDir("v1.99.0")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half a bundle has a name: %v", err)
	}
	noPartials(t, c)

	if _, err := c.Build(t.Context(), Options{Version: "v1.98.0", SourceDir: src}); err == nil || !strings.Contains(err.Error(), "it has: v1.99.0") {
		t.Errorf("Build of an unknown version = %v", err)
	}
}

// TestBuildInterrupted stops a build within a phase; the next one goes on.
func TestBuildInterrupted(t *testing.T) {
	t.Parallel()
	src, c, rec := sources(t), Open(t.TempDir()), &recorder{}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.Build(ctx, Options{Version: "v1.99.0", SourceDir: src, Progress: func(phase string) func(error) {
		if phase == "Compiling dns" {
			time.AfterFunc(10*time.Millisecond, cancel)
		}
		return func(error) {}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Skipf("the build was done before it could be interrupted: %v", err)
	}
	noPartials(t, c)
	if _, err := c.Build(t.Context(), Options{Version: "v1.99.0", SourceDir: src, Progress: rec.begin}); err != nil {
		t.Fatal(err)
	}
	if got := rec.take(); slices.Contains(got, "Compiling kube") {
		t.Errorf("the second build did %q: it began anew", got)
	}
}
