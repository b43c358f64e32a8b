// Package bundle builds, keeps and verifies bundles. A bundle is all that
// machines need to run one Kubernetes release: the release's program, CNI
// plugins, flanneld, and container images, so that a cluster needs no registry
// and downloads nothing.
//
// Bundles of many releases stand side by side in a cache directory:
//
//	<cache>/bundles/<version>                    a link to the release's latest build
//	<cache>/bundles/.builds/<version>-<digest>/  a build; it never changes
//	    manifest.json                            what is in it, with checksums
//	    bin/                                     kube, etcd, kubectl, flanneld, …
//	    bin/<component>                          a link to kube
//	    cni/<plugin>
//	    images/<name>.tar                        OCI archives
//	    containerd-seed/                         see package machine/seed
//	<cache>/artifacts/<key>                      compiled parts, for the next build
//
// A machine has all of <cache>/bundles mounted and goes on with the build that
// it was seeded from when there is a newer one, so a build stays until no
// machine uses it: see Prune.
package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/hanok/hanok"
)

// DefaultCacheDir is where bundles lie unless HANOK_CACHE_DIR says otherwise.
const DefaultCacheDir = "/var/cache/hanok"

// errNotBuilt says that the cache has no bundle of a version.
var errNotBuilt = errors.New("is not built")

// Cache is a directory with bundles. Its methods may be called at once.
type Cache struct {
	dir string

	// verifying is held by the one Verify that reads files: after a start,
	// everybody who needs the bundle asks at once, and each would read it all.
	verifying sync.Mutex

	mu   sync.Mutex
	sums map[string]checked // by path: what Verify has read before
}

// Open returns the cache in dir; an empty dir means HANOK_CACHE_DIR, or
// DefaultCacheDir. The directory need not exist.
func Open(dir string) *Cache {
	dir = cmp.Or(dir, os.Getenv("HANOK_CACHE_DIR"), DefaultCacheDir)
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return &Cache{dir: dir, sums: map[string]checked{}}
}

// Dir returns the cache's directory.
func (c *Cache) Dir() string { return c.dir }

// Bundle is a bundle on this host.
type Bundle struct {
	Version  string
	Dir      string
	Digest   string // sha256 of the manifest, in hex: names exactly this build
	Manifest *Manifest
}

// Path returns where a file of the bundle lies; path is as the manifest has it.
func (b *Bundle) Path(path string) string { return filepath.Join(b.Dir, filepath.FromSlash(path)) }

// Images returns the bundle's image archives.
func (b *Bundle) Images() []File {
	var images []File
	for _, f := range b.Manifest.Files {
		if f.Kind == KindImage {
			images = append(images, f)
		}
	}
	return images
}

// Size returns the bytes of all files of the bundle.
func (b *Bundle) Size() (total int64) {
	for _, f := range b.Manifest.Files {
		total += f.Size
	}
	return total
}

func (c *Cache) bundleDir(version string) string { return filepath.Join(c.dir, "bundles", version) }

func (c *Cache) buildsDir() string { return filepath.Join(c.dir, "bundles", ".builds") }

// Versions returns the versions that the cache has a bundle of, whole or
// damaged, oldest first.
func (c *Cache) Versions() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(c.dir, "bundles"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the bundles: %w", err)
	}
	var versions []string
	for _, e := range entries {
		if CheckVersion(e.Name()) == nil {
			versions = append(versions, e.Name())
		}
	}
	slices.SortFunc(versions, hanok.CompareVersions)
	return versions, nil
}

// List returns the bundles of the cache by version, without verifying them. A
// bundle whose manifest cannot be read is left out; Verify tells why.
func (c *Cache) List() ([]*Bundle, error) {
	versions, err := c.Versions()
	if err != nil {
		return nil, err
	}
	var bundles []*Bundle
	for _, version := range versions {
		if b, err := load(c.bundleDir(version), version); err == nil {
			bundles = append(bundles, b)
		}
	}
	return bundles, nil
}

func load(dir, version string) (*Bundle, error) {
	raw, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, manifestName), err)
	}
	if m.Version != version {
		return nil, fmt.Errorf("%s is of version %s, not %s", filepath.Join(dir, manifestName), m.Version, version)
	}
	return &Bundle{Version: version, Dir: dir, Digest: digestOf(raw), Manifest: m}, nil
}
