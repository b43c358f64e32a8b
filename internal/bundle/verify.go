package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// damagedError says which file of a bundle is not what the manifest says.
type damagedError struct {
	Version string
	Path    string // the file, on this host
	Reason  string
}

func (e *damagedError) Error() string {
	return fmt.Sprintf("bundle %s is damaged: %s %s; run `hanok bundle build %s`", e.Version, e.Path, e.Reason, e.Version)
}

// checked is a file's state when its sum was computed. ctime covers what
// changes a file without changing its size or mtime.
type checked struct {
	dev, ino     uint64
	size         int64
	mtime, ctime unix.Timespec
	sum          string
}

// Verify returns a version's bundle after checking every file of it against
// the manifest: presence, size, mode and checksum. A file that has not changed
// since this Cache read it last is not read again, so a second call costs a
// few stats. The error tells what to do: where there is no such bundle, and
// where a file is not right.
func (c *Cache) Verify(ctx context.Context, version string) (*Bundle, error) {
	if err := CheckVersion(version); err != nil {
		return nil, err
	}
	b, err := load(c.bundleDir(version), version)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the bundle of Kubernetes %s %w: run `hanok bundle build %s`", version, errNotBuilt, version)
	}
	if err != nil {
		return nil, fmt.Errorf("bundle %s cannot be used: %w; run `hanok bundle build %s`", version, err, version)
	}
	c.verifying.Lock()
	defer c.verifying.Unlock()
	for _, f := range b.Manifest.Files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		reason, err := c.check(b.Path(f.Path), f)
		if err != nil {
			return nil, fmt.Errorf("verifying bundle %s: %w", version, err)
		}
		if reason != "" {
			return nil, &damagedError{Version: version, Path: b.Path(f.Path), Reason: reason}
		}
	}
	return b, nil
}

// check returns what is wrong with a file, "" where nothing is.
func (c *Cache) check(path string, f File) (reason string, err error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "is missing", nil
		}
		return "", &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	if f.Link != "" {
		target, err := os.Readlink(path)
		if err != nil || target != f.Link {
			return fmt.Sprintf("is not a link to %s", f.Link), nil
		}
		return "", nil
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return "is not a regular file", nil
	case st.Size != f.Size:
		return fmt.Sprintf("has %d bytes instead of %d", st.Size, f.Size), nil
	case st.Mode&0o7777 != f.Mode:
		return fmt.Sprintf("has mode %04o instead of %04o", st.Mode&0o7777, f.Mode), nil
	}
	sum, err := c.sum(path, &st)
	if err != nil {
		return "", err
	}
	if sum != f.SHA256 {
		return "has another checksum than the manifest", nil
	}
	if f.Kind == KindSeed {
		capability, err := fileCapability(path)
		if err != nil {
			return "", err
		}
		if capability != f.Capability {
			return "has other file capabilities than the manifest", nil
		}
	}
	return "", nil
}

func (c *Cache) sum(path string, st *unix.Stat_t) (string, error) {
	now := checked{dev: st.Dev, ino: st.Ino, size: st.Size, mtime: st.Mtim, ctime: st.Ctim}
	c.mu.Lock()
	before, ok := c.sums[path]
	c.mu.Unlock()
	now.sum = before.sum
	if ok && before == now {
		return before.sum, nil
	}
	sum, err := sumFile(path)
	if err != nil {
		return "", err
	}
	now.sum = sum
	c.mu.Lock()
	c.sums[path] = now
	c.mu.Unlock()
	return sum, nil
}

func sumFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := readInPages(f); err != nil {
		return "", err
	}
	h := sha256.New()
	if _, err := io.CopyBuffer(h, onlyReader{f}, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// onlyReader keeps io.CopyBuffer from bypassing the large buffer.
type onlyReader struct{ io.Reader }
