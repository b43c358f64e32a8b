package bundle

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/rootfs"
)

// bundleFormat counts the changes to how bundles are put together that the
// hash of their sources does not show.
const bundleFormat = 1

// Options say what to build.
type Options struct {
	Version   string // v1.30.3
	SourceDir string // the kubernetes/ directory of hanok's sources
	// Tree is the machines' Debian tree, whose containerd makes the seed;
	// "" leaves the seed out: machines then import the images at boot.
	Tree     string
	Progress rootfs.Progress // may be nil
}

// Build returns a version's bundle, verified, and builds it first where it is
// missing, damaged or older than its sources. Parts that are compiled stay in
// the cache, so an interrupted build goes on where it was. The bundle appears
// under its name complete or not at all; one that it replaces stays where it
// is, for machines that use it. Builds at once wait for each other.
func (c *Cache) Build(ctx context.Context, o Options) (*Bundle, error) {
	if err := CheckVersion(o.Version); err != nil {
		return nil, err
	}
	if o.Progress == nil {
		o.Progress = func(string) func(error) { return func(error) {} }
	}
	sourceDir, err := filepath.Abs(o.SourceDir)
	if err != nil {
		return nil, err
	}
	r, err := readRecipe(sourceDir, o.Version)
	if err != nil {
		return nil, err
	}
	comp, err := newCompiler(ctx, c.dir, o.Progress)
	if err != nil {
		return nil, err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()

	plan, err := newPlan(comp, r, o.Tree)
	if err != nil {
		return nil, err
	}
	if b, err := c.Verify(ctx, o.Version); err == nil && b.Manifest.Source == plan.source {
		return b, nil
	}
	partial := filepath.Join(c.dir, "bundles", ".partial-"+o.Version)
	if err := os.RemoveAll(partial); err != nil {
		return nil, fmt.Errorf("removing what a build before left: %w", err)
	}
	defer os.RemoveAll(partial)
	m, err := plan.assemble(ctx, partial)
	if err != nil {
		return nil, fmt.Errorf("building the bundle of %s: %w", o.Version, err)
	}
	raw, err := m.encode()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(partial, manifestName), raw, 0o644); err != nil {
		return nil, err
	}
	if err := c.publish(partial, o.Version, digestOf(raw)); err != nil {
		return nil, fmt.Errorf("putting the bundle of %s in place: %w", o.Version, err)
	}
	return c.Verify(ctx, o.Version)
}

func (c *Cache) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Join(c.dir, "bundles"), 0o755); err != nil {
		return nil, fmt.Errorf("making the cache directory: %w", err)
	}
	return rootfs.Lock(ctx, filepath.Join(c.dir, "bundles", ".lock"))
}

// publish gives a complete build its name, and the version's name to it in one
// step.
func (c *Cache) publish(partial, version, digest string) error {
	if f, err := os.Open(partial); err == nil {
		_ = unix.Syncfs(int(f.Fd())) // the name promises the files
		_ = f.Close()
	}
	if err := os.MkdirAll(c.buildsDir(), 0o755); err != nil {
		return err
	}
	name := version + "-" + digest[:16]
	build := filepath.Join(c.buildsDir(), name)
	// The same build can be there already, damaged: that is why there is
	// another. Programs that run keep their files.
	if err := os.RemoveAll(build); err != nil {
		return err
	}
	if err := os.Rename(partial, build); err != nil {
		return err
	}
	current := c.bundleDir(version)
	if info, err := os.Lstat(current); err == nil && info.IsDir() {
		// Copied here by hand, perhaps.
		if err := os.Rename(current, fmt.Sprintf("%s-replaced-%d", filepath.Join(c.buildsDir(), version), time.Now().UnixNano())); err != nil {
			return err
		}
	}
	link := filepath.Join(c.dir, "bundles", ".current-"+version)
	if err := os.RemoveAll(link); err != nil {
		return err
	}
	if err := os.Symlink(filepath.Join(filepath.Base(c.buildsDir()), name), link); err != nil {
		return err
	}
	return os.Rename(link, current)
}

// plan is a recipe with all its parts known, none of them made yet.
type plan struct {
	comp     *compiler
	recipe   *recipe
	tree     string
	source   string // hash of everything that decides the content
	programs []part
	images   []part
	certs    []part // by image; the zero part where an image has none
}

func newPlan(comp *compiler, r *recipe, tree string) (*plan, error) {
	p := &plan{comp: comp, recipe: r, tree: tree}
	keys := []string{fmt.Sprintf("bundle %d", bundleFormat), r.Version, fmt.Sprint(r.Components)}
	for _, pr := range r.Programs {
		made, err := comp.program(r.dir, pr)
		if err != nil {
			return nil, err
		}
		p.programs = append(p.programs, made)
		keys = append(keys, pr.Path, made.key, fmt.Sprint(pr.Names))
	}
	for _, ir := range r.Images {
		made, err := comp.program(r.dir, ir.Program)
		if err != nil {
			return nil, err
		}
		var certs part
		if ir.Certificates != "" {
			if certs, err = comp.output(r.dir, ir.Certificates); err != nil {
				return nil, err
			}
		}
		p.images, p.certs = append(p.images, made), append(p.certs, certs)
		keys = append(keys, fmt.Sprint(ir), made.key, certs.key)
	}
	if tree != "" {
		keys = append(keys, fmt.Sprintf("seed %d", seedFormat), rootfs.Key())
	}
	p.source = hashStrings(keys...)
	return p, nil
}

// assemble makes all parts and puts the bundle together in dir.
func (p *plan) assemble(ctx context.Context, dir string) (*Manifest, error) {
	m := &Manifest{
		Format: manifestFormat, Version: p.recipe.Version, Platform: "linux/" + runtime.GOARCH,
		Components: p.recipe.Components, Go: p.comp.goVersion, Source: p.source,
	}
	for i, pr := range p.recipe.Programs {
		made, err := p.comp.get(ctx, p.programs[i])
		if err != nil {
			return nil, err
		}
		if err := place(made, filepath.Join(dir, pr.Path), 0o755); err != nil {
			return nil, err
		}
		kind := KindProgram
		if path.Dir(pr.Path) == "cni" {
			kind = KindCNI
		}
		if err := m.add(dir, File{Path: pr.Path, Kind: kind}); err != nil {
			return nil, err
		}
		for _, name := range pr.Names {
			link := path.Join(path.Dir(pr.Path), name)
			if err := os.Symlink(path.Base(pr.Path), filepath.Join(dir, link)); err != nil {
				return nil, err
			}
			m.Files = append(m.Files, File{Path: link, Kind: kind, Link: path.Base(pr.Path)})
		}
	}
	for i, ir := range p.recipe.Images {
		if err := p.image(ctx, dir, i); err != nil {
			return nil, fmt.Errorf("image %s: %w", ir.Ref, err)
		}
		if err := m.add(dir, File{Path: ir.Path, Kind: KindImage, Refs: []string{ir.Ref}}); err != nil {
			return nil, err
		}
	}
	if p.tree != "" {
		if err := p.seed(ctx, dir, m); err != nil {
			return nil, fmt.Errorf("preparing containerd's seed: %w", err)
		}
	}
	slices.SortFunc(m.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return m, nil
}

func (p *plan) image(ctx context.Context, dir string, i int) error {
	made, err := p.comp.get(ctx, p.images[i])
	if err != nil {
		return err
	}
	program, err := os.ReadFile(made)
	if err != nil {
		return err
	}
	var certs []byte
	if p.certs[i].key != "" {
		made, err := p.comp.get(ctx, p.certs[i])
		if err != nil {
			return err
		}
		if certs, err = os.ReadFile(made); err != nil {
			return err
		}
	}
	dest := filepath.Join(dir, p.recipe.Images[i].Path)
	if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
		return err
	}
	return writeImage(dest, p.recipe.Images[i], program, certs)
}

// add lists a file that lies in dir.
func (m *Manifest) add(dir string, f File) error {
	full := filepath.Join(dir, filepath.FromSlash(f.Path))
	info, err := os.Lstat(full)
	if err != nil {
		return err
	}
	if f.SHA256, err = sumFile(full); err != nil {
		return err
	}
	f.Size, f.Mode = info.Size(), uint32(info.Mode().Perm())
	m.Files = append(m.Files, f)
	return nil
}

// place links a part into the bundle, or copies it where it cannot be linked.
func place(from, to string, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.Chmod(from, mode); err != nil {
		return err
	}
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}
	if err := out.Chmod(mode); err != nil { // whatever the umask
		_ = out.Close()
		return err
	}
	return out.Close()
}
