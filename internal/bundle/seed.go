package bundle

import (
	"context"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/rootfs"
)

// seedFormat counts the changes to how the seed is made.
const seedFormat = 1

// seedDir is where the seed lies in a bundle; package machine/seed has its
// layout.
const seedDir = "containerd-seed"

// seedScript runs the Debian tree's own containerd, in namespaces of its own,
// on an empty state directory in memory, imports images, stops it and keeps
// what it left.
//
//go:embed seed.sh
var seedScript string

// seed fills dir/containerd-seed from the images that m lists, and lists it.
func (p *plan) seed(ctx context.Context, dir string, m *Manifest) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("it runs containerd and so needs root; leave it out with --skip-rootfs, and machines import their images at boot")
	}
	done := p.comp.progress("Importing the images with the machines' containerd")
	defer func() { done(err) }()
	var refs []string
	args := []string{"-c", seedScript, "seed", p.tree, filepath.Join(dir, "images"), filepath.Join(dir, seedDir)}
	for _, f := range m.Files {
		if f.Kind == KindImage {
			refs = append(refs, f.Refs...)
			args = append(args, filepath.Base(f.Path))
		}
	}
	out, err := rootfs.Isolated(ctx, "/bin/sh", args...)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, strings.TrimSpace(string(out)))
	}
	record, err := rootfs.ReadRecord(p.tree)
	if err != nil {
		return err
	}
	m.Seed = &Seed{Dir: seedDir, Containerd: record.Packages["containerd"], Refs: refs}
	return m.addSeed(dir)
}

func (m *Manifest) addSeed(dir string) error {
	return filepath.WalkDir(filepath.Join(dir, seedDir), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is neither a file nor a directory: seeds hold nothing else", rel)
		}
		capability, err := fileCapability(p)
		if err != nil {
			return err
		}
		if err := forgetCached(p); err != nil { // containerd wrote it in pieces of any size
			return err
		}
		return m.add(dir, File{Path: filepath.ToSlash(rel), Kind: KindSeed, Capability: capability})
	})
}

// fileCapability returns the capabilities that a file grants, as the hex of
// its attribute; "" where it grants none.
func fileCapability(path string) (string, error) {
	buf := make([]byte, 64)
	n, err := unix.Lgetxattr(path, "security.capability", buf)
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
		return "", nil
	}
	if err != nil {
		return "", &fs.PathError{Op: "getxattr", Path: path, Err: err}
	}
	return hex.EncodeToString(buf[:n]), nil
}
