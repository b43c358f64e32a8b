package bundle

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// around is what Linux maps around a page in any case, in KiB.
const around = piece >> 10

func TestCopyInPieces(t *testing.T) {
	t.Parallel()
	from := writtenAtOnce(t)
	to := from + ".copy"
	sum, err := copyInPieces(to, from)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := sumFile(from); err != nil || sum != want {
		t.Errorf("sum = %s, want %s (%v)", sum, want, err)
	}
	if got, err := sumFile(to); err != nil || got != sum {
		t.Errorf("the copy's sum = %s, want %s (%v)", got, sum, err)
	}
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the copy's mode = %v, want -rwx------ (%v)", info.Mode(), err)
	}
	if got := mappedByOneTouch(t, to); got > around {
		t.Errorf("one touch maps %d KiB, want at most %d", got, around)
	}
	if _, err := copyInPieces(to, from); err == nil {
		t.Error("a file that is there already is written over")
	}
}

// TestSumReadsInPages looks at a file that is not cached, as after a restart of
// the host.
func TestSumReadsInPages(t *testing.T) {
	t.Parallel()
	path := writtenAtOnce(t)
	if err := forgetCached(path); err != nil {
		t.Fatal(err)
	}
	if _, err := sumFile(path); err != nil {
		t.Fatal(err)
	}
	if got := mappedByOneTouch(t, path); got > around {
		t.Errorf("one touch maps %d KiB, want at most %d", got, around)
	}
}

// writtenAtOnce gives a file that the kernel keeps in large pieces, if it can.
func writtenAtOnce(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, bytes.Repeat([]byte("text"), 8<<20), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// mappedByOneTouch gives, in KiB, what is in memory of a mapping of the file
// after one byte of it was read.
func mappedByOneTouch(t *testing.T, path string) int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	text, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(text) }()
	if text[len(text)*3/4] == 0 {
		t.Fatal("the file does not hold what was written")
	}
	smaps, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer smaps.Close()
	inFile := false
	for s := bufio.NewScanner(smaps); s.Scan(); {
		fields := strings.Fields(s.Text())
		switch {
		case strings.HasSuffix(s.Text(), path):
			inFile = true
		case inFile && fields[0] == "Rss:":
			kib, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			return kib
		}
	}
	t.Fatalf("%s is not mapped", path)
	return 0
}
