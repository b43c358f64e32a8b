package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// The kernel keeps a file in pieces as large as it was written or read ahead,
// megabytes perhaps, and maps the whole piece around each page that a program
// touches. All of that counts as memory of the programs of a bundle, which
// share their host with many others.

// piece is what Linux maps around a touched page in any case. Smaller pieces
// would save nothing and cost more.
const piece = 64 << 10

// copyInPieces makes to a copy of the file from that the kernel keeps in small
// pieces, and returns its sum.
func copyInPieces(to, from string) (sum string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return "", err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.CopyBuffer(io.MultiWriter(out, h), onlyReader{in}, make([]byte, piece))
	if e := out.Close(); err == nil {
		err = e
	}
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// readInPages has the kernel keep what is read of a file in single pages,
// where it does not have it yet.
func readInPages(f *os.File) error {
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM); err != nil {
		return fmt.Errorf("%s: fadvise: %w", f.Name(), err)
	}
	return nil
}

// forgetCached puts a file on the disk and has the kernel forget what it keeps
// of it, but for what some program uses at this moment.
func forgetCached(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return err
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return fmt.Errorf("%s: fadvise: %w", path, err)
	}
	return nil
}
