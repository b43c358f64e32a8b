// Package seed starts a machine's containerd with the images of its bundle in
// place. Importing them at boot would cost every machine a second, and its own
// copy of every file in the page cache.
//
// A bundle holds, in containerd-seed/, the state directory that a containerd
// left after importing the bundle's images:
//
//	io.containerd.metadata.v1.bolt/meta.db                      images, content, leases
//	io.containerd.content.v1.content/blobs/sha256/<hex>         manifests, configurations, layers
//	io.containerd.snapshotter.v1.overlayfs/metadata.db          snapshots
//	io.containerd.snapshotter.v1.overlayfs/snapshots/<n>/fs/    unpacked layers
//
// Apply gives a machine the two databases as copies of its own (a few hundred
// kilobytes), and symbolic links into the read-only bundle for each blob and
// each layer's fs directory. All machines of a host so run the images out of
// the same files. Deleting an image in a machine removes links.
//
// The links name the bundle's directory as the machine sees it, all symbolic
// links on the way followed: the build itself, not the name that the next
// build of the release takes over. A build that a machine was seeded from must
// stay where it is for as long as the machine lives, also after an upgrade.
package seed

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Dir is the seed's directory in a bundle.
const Dir = "containerd-seed"

const (
	metaDB      = "io.containerd.metadata.v1.bolt/meta.db"
	blobs       = "io.containerd.content.v1.content/blobs/sha256"
	snapshotter = "io.containerd.snapshotter.v1.overlayfs"
	snapshotDB  = snapshotter + "/metadata.db"
	snapshots   = snapshotter + "/snapshots"
)

// ErrNoSeed says that the bundle was built without a seed: its images must be
// imported from their archives.
var ErrNoSeed = errors.New("the bundle has no containerd seed")

// Apply fills containerdRoot (containerd's "root", such as
// /var/lib/containerd) from the seed of the bundle in bundleDir, both as the
// machine sees them. It must run before containerd starts.
//
// It may be called again: a root that has containerd's database is in use and
// is left alone, and one whose seeding was cut short is finished. An error
// that wraps ErrNoSeed leaves the root untouched.
func Apply(bundleDir, containerdRoot string) error {
	from, err := seedDir(bundleDir)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(containerdRoot, metaDB)); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(containerdRoot, 0o711); err != nil {
		return err
	}
	if err := linkBlobs(from, containerdRoot); err != nil {
		return fmt.Errorf("seeding containerd's content: %w", err)
	}
	if err := linkSnapshots(from, containerdRoot); err != nil {
		return fmt.Errorf("seeding containerd's snapshots: %w", err)
	}
	// The database comes last: with it the root counts as seeded.
	for _, db := range []string{snapshotDB, metaDB} {
		if err := copyFile(filepath.Join(from, db), filepath.Join(containerdRoot, db)); err != nil {
			return fmt.Errorf("seeding containerd's database: %w", err)
		}
	}
	return nil
}

// Applied tells whether containerdRoot was filled from the seed of the bundle
// in bundleDir and so holds its images without an import. It answers for the
// moment of seeding: images deleted since are not noticed.
func Applied(bundleDir, containerdRoot string) bool {
	from, err := seedDir(bundleDir)
	if err != nil {
		return false
	}
	entries, err := os.ReadDir(filepath.Join(from, blobs))
	if err != nil || len(entries) == 0 {
		return false
	}
	if _, err := os.Lstat(filepath.Join(containerdRoot, metaDB)); err != nil {
		return false
	}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(containerdRoot, blobs, e.Name()))
		if err != nil || target != filepath.Join(from, blobs, e.Name()) {
			return false
		}
	}
	return true
}

// From gives the directory of the bundle that containerdRoot was seeded from,
// as the machine sees it; false where it was not, or has lost all images.
func From(containerdRoot string) (bundleDir string, ok bool) {
	entries, err := os.ReadDir(filepath.Join(containerdRoot, blobs))
	if err != nil {
		return "", false
	}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(containerdRoot, blobs, e.Name()))
		if err != nil {
			continue // imported later
		}
		if dir, ok := strings.CutSuffix(target, "/"+filepath.Join(Dir, blobs, e.Name())); ok {
			return dir, true
		}
	}
	return "", false
}

// seedDir is where a bundle's seed really lies.
func seedDir(bundleDir string) (string, error) {
	real, err := filepath.EvalSymlinks(bundleDir)
	if err == nil {
		_, err = os.Stat(filepath.Join(real, Dir, metaDB))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: %w", bundleDir, ErrNoSeed)
	}
	return filepath.Join(real, Dir), err
}

func linkBlobs(from, root string) error {
	if err := os.MkdirAll(filepath.Join(root, blobs), 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(from, blobs))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := link(filepath.Join(from, blobs, e.Name()), filepath.Join(root, blobs, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func linkSnapshots(from, root string) error {
	for _, dir := range []string{snapshotter, snapshots} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(filepath.Join(from, snapshots))
	if err != nil {
		return err
	}
	for _, e := range entries {
		to := filepath.Join(root, snapshots, e.Name())
		if err := os.MkdirAll(filepath.Join(to, "work"), 0o711); err != nil {
			return err
		}
		if err := os.Chmod(to, 0o700); err != nil {
			return err
		}
		if err := link(filepath.Join(from, snapshots, e.Name(), "fs"), filepath.Join(to, "fs")); err != nil {
			return err
		}
	}
	return nil
}

// link makes a symbolic link, or leaves the same one that is there.
func link(target, name string) error {
	err := os.Symlink(target, name)
	if errors.Is(err, fs.ErrExist) {
		if have, readErr := os.Readlink(name); readErr == nil && have == target {
			return nil
		}
	}
	return err
}

// copyFile copies a file so that its name never shows half of it, not even
// after a power cut.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o711); err != nil {
		return err
	}
	out, err := os.OpenFile(to+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, out.Sync(), out.Close())
	if err != nil {
		_ = os.Remove(to + ".tmp")
		return err
	}
	return os.Rename(to+".tmp", to)
}
