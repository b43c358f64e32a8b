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

	"github.com/hanok/hanok/internal/rootfs"
)

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

// keys lists what the compiler keeps of the parts.
func (p *plan) keys() (keys []string) {
	for _, made := range slices.Concat(p.programs, p.images, p.certs) {
		if made.key != "" {
			keys = append(keys, made.key)
		}
	}
	return keys
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
