// Package rootfs builds the small Debian tree that the root of every machine
// is an overlay of. It is built once per host, from the host's own Debian
// mirrors, and is read-only after that.
//
// A tree lies in <cache>/rootfs/debian-12/<key>/, its Record beside it as
// <key>.json. The key covers everything that decides the content but the
// mirrors' state on the day of the build. <cache>/rootfs may be entered by
// root only: a tree holds setuid programs, which nobody on the host should be
// able to run once they age.
package rootfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// release is the Debian release of the tree.
const (
	release  = "debian-12"
	codename = "bookworm"
)

// loginUser is the user of the tree that people log in as: no password, sudo
// without one.
const loginUser = "debian"

// packages are what is installed on top of Debian's essential packages. None
// of them brings an init system, a kernel or an initramfs.
var packages = []string{
	"bash", "ca-certificates", "conntrack", "containerd", "curl", "e2fsprogs", "ethtool",
	"iproute2", "ipset", "iptables", "iputils-ping", "kmod", "less", "libc-bin", "mount",
	"netbase", "nftables", "openssh-server", "passwd", "procps", "python3", "runc", "sudo",
	"util-linux",
}

// customisation counts the changes to what customise.go does.
const customisation = 1

// Progress is told of each phase as it begins; the function it returns is
// called with the phase's outcome.
type Progress func(phase string) (done func(error))

// ErrNotBuilt says that there is no tree yet.
var ErrNotBuilt = errors.New("the Debian tree of the machines is not built yet: run `hanok bundle build`")

// Record describes a tree that was built.
type Record struct {
	Release  string            `json:"release"`
	Built    time.Time         `json:"built"`
	Size     int64             `json:"size"` // bytes of all files
	Packages map[string]string `json:"packages"`
}

// Key names the tree that this version of hanok wants.
func Key() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d %s", release, runtime.GOARCH, customisation, strings.Join(packages, " ")))
	return hex.EncodeToString(sum[:8])
}

func treeDir(cacheDir string) string { return filepath.Join(cacheDir, "rootfs", release, Key()) }

// Lookup returns the tree's directory, or an error that wraps ErrNotBuilt.
func Lookup(cacheDir string) (dir string, err error) {
	dir = treeDir(cacheDir)
	if _, err := ReadRecord(dir); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%s: %w", dir, ErrNotBuilt)
		}
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, "usr/bin/bash")); err != nil {
		return "", fmt.Errorf("%s lost its files; remove %s.json and run `hanok bundle build`: %w", dir, dir, err)
	}
	return dir, nil
}

// ReadRecord returns the record of the tree in dir.
func ReadRecord(dir string) (*Record, error) {
	raw, err := os.ReadFile(dir + ".json")
	if err != nil {
		return nil, err
	}
	r := &Record{}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("%s.json is damaged; remove it and run `hanok bundle build`: %w", dir, err)
	}
	return r, nil
}

// Build returns the tree's directory and builds the tree first where it is
// missing. It needs root, the host's mmdebstrap and Debian mirrors; it starts
// no service and changes nothing outside cacheDir. Builds at once wait for
// each other; one that was killed leaves only a directory that the next one
// removes. progress may be nil.
func Build(ctx context.Context, cacheDir string, progress Progress) (dir string, err error) {
	if dir, err := Lookup(cacheDir); err == nil {
		return dir, nil
	}
	if os.Geteuid() != 0 {
		return "", errors.New("building the Debian tree of the machines needs root: run `hanok bundle build` as root")
	}
	if progress == nil {
		progress = func(string) func(error) { return func(error) {} }
	}
	if cacheDir, err = filepath.Abs(cacheDir); err != nil {
		return "", err
	}
	dir = treeDir(cacheDir)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	if err := os.Chmod(filepath.Join(cacheDir, "rootfs"), 0o700); err != nil {
		return "", err
	}
	unlock, err := Lock(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if dir, err := Lookup(cacheDir); err == nil {
		return dir, nil // another build was faster
	}

	partial := dir + ".partial"
	for _, old := range []string{partial, dir} { // a tree without a record is no tree
		if err := os.RemoveAll(old); err != nil {
			return "", fmt.Errorf("removing what a build before left: %w", err)
		}
	}
	defer os.RemoveAll(partial)
	done := progress("Debian tree: fetching and unpacking packages")
	err = bootstrap(ctx, partial)
	done(err)
	if err != nil {
		return "", err
	}
	done = progress("Debian tree: setting it up for machines")
	record, err := finish(ctx, partial)
	if err == nil {
		err = publish(partial, dir, record)
	}
	done(err)
	if err != nil {
		return "", fmt.Errorf("building the Debian tree: %w", err)
	}
	return dir, nil
}

func finish(ctx context.Context, tree string) (*Record, error) {
	packages, err := installed(ctx, tree)
	if err != nil {
		return nil, err
	}
	if err := customise(ctx, tree); err != nil {
		return nil, err
	}
	size, err := treeSize(tree)
	return &Record{Release: release, Built: time.Now().UTC().Truncate(time.Second), Size: size, Packages: packages}, err
}

// publish makes the tree appear under its name. The record comes last: a tree
// counts only with it.
func publish(partial, dir string, record *Record) error {
	raw, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return err
	}
	if err := os.Rename(partial, dir); err != nil {
		return err
	}
	// The record promises the files, so they must be on disk before it.
	if f, err := os.Open(dir); err == nil {
		_ = unix.Syncfs(int(f.Fd()))
		_ = f.Close()
	}
	if err := os.WriteFile(dir+".json.tmp", append(raw, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(dir+".json.tmp", dir+".json")
}

func treeSize(tree string) (total int64, err error) {
	err = filepath.WalkDir(tree, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
