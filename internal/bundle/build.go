package bundle

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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
	if err := c.noteParts(o.Version, plan.keys()); err != nil {
		return nil, fmt.Errorf("noting what the bundle of %s is made of: %w", o.Version, err)
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
