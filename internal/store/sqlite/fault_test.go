package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/diskfault"
	"github.com/hanok/hanok/internal/store"
)

// TestFullDisk: on a full file system writes fail as a whole and say so,
// reads go on, and so do writes when there is room again, also on sessions
// that failed.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := smallFileSystem(t)
	s := open(t, dir)
	put := func(name string, size int) error {
		return s.Update(t.Context(), func(tx store.Tx) error {
			if err := tx.PutSecret("", name, []byte("small")); err != nil {
				return err
			}
			return tx.PutSecret("", name+", large", bytes.Repeat([]byte("x"), size))
		})
	}
	if err := put("before", 1000); err != nil {
		t.Fatal(err)
	}
	fill := filepath.Join(dir, "others")
	_ = os.WriteFile(fill, make([]byte, 64<<20), 0o600) // all that there is
	for i := range 3 {
		err := put(fmt.Sprint("full ", i), 100_000)
		var e *hanok.Error
		if !errors.As(err, &e) || e.Kind != hanok.KindUnavailable || !diskfault.Is(err) || !strings.Contains(e.Detail, dir+" (") || !strings.Contains(e.Detail, "is full") {
			t.Fatalf("on a full disk: %v", err)
		}
	}
	expectSecrets(t, s, map[string]bool{"before": true, "full 0": false, "full 1": false, "full 2": false})
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	if err := put("after", 100_000); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	expectSecrets(t, s, map[string]bool{"before": true, "full 0": false, "after": true})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	expectSecrets(t, open(t, dir), map[string]bool{"before": true, "full 0": false, "after": true})
}

// TestExplain: what is wrong with the disk below is told, and nothing else is
// taken for it.
func TestExplain(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	err := s.View(t.Context(), func(tx store.Tx) error { return tx.PutSecret("", "k", nil) })
	if err == nil || diskfault.Is(err) {
		t.Errorf("a write in a View: %v, want an error that is not the disk's", err)
	}
	err = s.Update(t.Context(), func(txn store.Tx) error {
		session := txn.(*tx).session
		defer session.exec(t.Context(), "PRAGMA query_only = 0")
		return errors.Join(session.exec(t.Context(), "PRAGMA query_only = 1"), txn.PutSecret("", "k", nil))
	})
	if !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), "is read-only") {
		t.Errorf("a write to a read-only database: %v", err)
	}
}

// smallFileSystem mounts one of a few megabytes and gives its directory.
func smallFileSystem(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounts: needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: filepath.Join(dir, "hanok.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// expectSecrets reads which of the secrets there are.
func expectSecrets(t *testing.T, s *Store, want map[string]bool) {
	t.Helper()
	err := s.View(t.Context(), func(tx store.Tx) error {
		for name, there := range want {
			_, err := tx.Secret("", name)
			if err != nil && hanok.KindOf(err) != hanok.KindNotFound {
				return err
			}
			if there != (err == nil) {
				t.Errorf("secret %q: there is %v, want %v", name, err == nil, there)
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("read: %v", err)
	}
}
