package bundle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Old is something in the cache that no bundle needs.
type Old struct {
	Kind string // "build", "unfinished build" or "compiled part"
	Name string
	Path string
	Size int64 // bytes; files that others share with it stay on the disk
	// UsedBy names the machines and processes that need it, and keep it.
	UsedBy []string
	Made   time.Time
}

// Users tells which builds are used: by a build's name, by whom. A user that
// it cannot see into, and that may use any build older than latest, is told
// under "". It is asked while nothing is built.
type Users func(latest time.Time) (map[string][]string, error)

// Old lists what newer builds of a version have replaced ("": of all, and the
// compiled parts that no bundle was made of last), oldest first.
func (c *Cache) Old(ctx context.Context, version string, users Users) ([]Old, error) {
	unlock, err := c.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return c.old(version, users)
}

// Prune removes what Old lists and nobody uses, and gives all that it listed.
// It may run while machines start and clusters work; a build waits for it.
func (c *Cache) Prune(ctx context.Context, version string, users Users) ([]Old, error) {
	unlock, err := c.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	old, err := c.old(version, users)
	if err != nil {
		return nil, err
	}
	for _, o := range old {
		if len(o.UsedBy) > 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return old, err
		}
		// Out of sight in one step: what is half removed must not be found.
		gone := filepath.Join(c.dir, "bundles", ".partial-removed-"+o.Name)
		if err := os.Rename(o.Path, gone); err != nil {
			return old, fmt.Errorf("removing %s: %w", o.Path, err)
		}
		if err := os.RemoveAll(gone); err != nil {
			return old, fmt.Errorf("removing %s: %w", o.Path, err)
		}
		if o.Kind == kindPart {
			if err := os.Remove(o.Path + ".sha256"); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return old, fmt.Errorf("removing %s: %w", o.Path, err)
			}
		}
	}
	_ = os.Remove(filepath.Join(c.dir, "replaced")) // when it is empty
	return old, nil
}

const (
	kindBuild      = "build"
	kindUnfinished = "unfinished build"
	kindPart       = "compiled part"
)

func (c *Cache) old(version string, users Users) ([]Old, error) {
	current, latest, err := c.current()
	if err != nil {
		return nil, err
	}
	var old []Old
	for _, dir := range []string{c.buildsDir(), filepath.Join(c.dir, "replaced")} { // which builds of before had moved to
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("listing the builds: %w", err)
		}
		for _, e := range entries {
			of, _, _ := strings.Cut(e.Name(), "-")
			path := filepath.Join(dir, e.Name())
			if e.IsDir() && !current[path] && (version == "" || of == version) {
				old = append(old, Old{Kind: kindBuild, Name: e.Name(), Path: path})
			}
		}
	}
	if len(old) > 0 {
		used, err := users(latest)
		if err != nil {
			return nil, fmt.Errorf("finding out who uses the builds: %w", err)
		}
		for i := range old {
			old[i].UsedBy = slices.Concat(used[old[i].Name], used[""])
		}
	}
	unfinished, err := filepath.Glob(filepath.Join(c.dir, "bundles", ".partial-*"))
	if err != nil {
		return nil, err
	}
	for _, path := range unfinished { // nothing is built now
		old = append(old, Old{Kind: kindUnfinished, Name: filepath.Base(path), Path: path})
	}
	if version == "" {
		parts, err := c.oldParts()
		if err != nil {
			return nil, err
		}
		old = append(old, parts...)
	}
	for i := range old {
		if old[i].Made, old[i].Size, err = measure(old[i].Path); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(old, func(a, b Old) int { return a.Made.Compare(b.Made) })
	return old, nil
}

// current gives the directories of the builds that versions have now, and the
// time when the last one took its version's name.
func (c *Cache) current() (dirs map[string]bool, latest time.Time, err error) {
	versions, err := c.Versions()
	if err != nil {
		return nil, latest, err
	}
	dirs = map[string]bool{}
	for _, v := range versions {
		info, err := os.Lstat(c.bundleDir(v))
		if err != nil {
			return nil, latest, err
		}
		if info.ModTime().After(latest) {
			latest = info.ModTime()
		}
		target, err := os.Readlink(c.bundleDir(v))
		if err != nil {
			continue // no link: it is the bundle itself
		}
		dirs[filepath.Join(c.dir, "bundles", target)] = true
	}
	return dirs, latest, nil
}

// oldParts lists the compiled parts that no version's last build was made of;
// none where it is not known what one was made of.
func (c *Cache) oldParts() ([]Old, error) {
	needed, err := c.neededParts()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // built by an earlier hanok; the next build notes it
	}
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(c.dir, "artifacts")
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing the compiled parts: %w", err)
	}
	var old []Old
	for _, e := range entries {
		key, _ := strings.CutSuffix(e.Name(), ".sha256")
		if key == e.Name() && !needed[key] && !strings.HasPrefix(key, partsPrefix) {
			old = append(old, Old{Kind: kindPart, Name: key, Path: filepath.Join(dir, key)})
		}
	}
	return old, nil
}

// partsPrefix begins the names of the files, among the compiled parts, that
// list the parts of a version's last build.
const partsPrefix = "parts-of-"

// noteParts keeps the list of what a version's bundle is made of.
func (c *Cache) noteParts(version string, keys []string) error {
	dir := filepath.Join(c.dir, "artifacts")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file := filepath.Join(dir, partsPrefix+version)
	if err := os.WriteFile(file+".new", []byte(strings.Join(keys, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func (c *Cache) neededParts() (map[string]bool, error) {
	versions, err := c.Versions()
	if err != nil {
		return nil, err
	}
	needed := map[string]bool{}
	for _, version := range versions {
		raw, err := os.ReadFile(filepath.Join(c.dir, "artifacts", partsPrefix+version))
		if err != nil {
			return nil, fmt.Errorf("reading what a bundle was made of: %w", err)
		}
		for _, key := range strings.Fields(string(raw)) {
			needed[key] = true
		}
	}
	return needed, nil
}

// measure gives the time when a file or directory was last changed, and the
// bytes of all files in it.
func measure(path string) (made time.Time, size int64, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return made, 0, err
	}
	err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return info.ModTime(), size, err
}
