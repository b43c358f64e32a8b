package sqlite_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
	"github.com/hanok/hanok/internal/store/sqlite"
	"github.com/hanok/hanok/internal/store/storetest"
)

// opened remembers where each store of the suite lies.
type opened struct {
	*sqlite.Store
	dir string
}

func open(t *testing.T, dir string) opened {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "hanok.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return opened{s, dir}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t,
		func(t *testing.T) store.Store { return open(t, t.TempDir()) },
		func(t *testing.T, died store.Store) store.Store {
			// What a killed process leaves is its files as they are.
			dir := t.TempDir()
			copyFiles(t, died.(opened).dir, dir)
			return open(t, dir)
		})
}

func copyFiles(t *testing.T, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		in, err := os.Open(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out, err := os.OpenFile(filepath.Join(to, e.Name()), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(out, in); err != nil {
			t.Fatal(err)
		}
		in.Close()
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "c1", "k", "x")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) < 3 {
		t.Fatalf("%d files, want the database, its log and the key", len(entries))
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %#o", e.Name(), info.Mode().Perm())
		}
	}
}

// TestSecretsAreSealed looks for secrets in every byte on the disk.
func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "c1", "k", "correct horse battery staple")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		return tx.PutDocument(store.Document{Kind: "user", ID: "1", Body: []byte("tell nobody at all"), Secret: true})
	})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found = found || strings.Contains(string(b), "user")
		for _, secret := range []string{"correct horse", "tell nobody"} {
			if strings.Contains(string(b), secret) {
				t.Errorf("%s holds %q in clear", e.Name(), secret)
			}
		}
	}
	if !found {
		t.Error("the kind of the document is nowhere: this test looks at the wrong files")
	}
}

func put(t *testing.T, s store.Store, cluster, name, value string) {
	t.Helper()
	err := s.Update(t.Context(), func(tx store.Tx) error { return tx.PutSecret(cluster, name, []byte(value)) })
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(t *testing.T, keyFile string)
		want  string
	}{
		{"another key", func(t *testing.T, f string) { write(t, f, strings.Repeat("ab", 32)+"\n", 0o600) }, "does not belong to the database"},
		{"no key", func(t *testing.T, f string) { remove(t, f) }, "is missing but the database holds secrets"},
		{"damaged key", func(t *testing.T, f string) { write(t, f, "xyz", 0o600) }, "is damaged"},
		{"short key", func(t *testing.T, f string) { write(t, f, "abcd\n", 0o600) }, "is damaged"},
		{"key open to others", func(t *testing.T, f string) { chmod(t, f, 0o640) }, "chmod 600"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "hanok.db")
			s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, filepath.Join(dir, "store.key"))
			s, err = sqlite.Open(t.Context(), sqlite.Options{Path: path})
			if err == nil {
				s.Close()
				t.Fatal("the store opens")
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "store.key") {
				t.Errorf("error %q, want it to say %q and name the key file", err, tt.want)
			}
		})
	}
}

func TestOpenDirectoryMissing(t *testing.T) {
	t.Parallel()
	_, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "no", "hanok.db")})
	if err == nil || hanok.KindOf(err) != hanok.KindInternal {
		t.Errorf("error %v", err)
	}
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
