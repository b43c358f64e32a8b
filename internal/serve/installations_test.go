package serve

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"
)

func TestNotes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "hanok", "installations")
	if all, err := readNotes(dir); err != nil || len(all) != 0 {
		t.Fatalf("without a directory: %v, %v", all, err)
	}
	a, b := Installation{"aaaaaa", "/var/lib/a"}, Installation{"bbbbbb", "/var/lib/b"}
	for _, i := range []Installation{b, a, a} {
		if err := i.note(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "cccccc"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if all, err := readNotes(dir); err != nil || !slices.Equal(all, []Installation{a, b}) {
		t.Errorf("got %v, %v", all, err)
	}
	for _, id := range []string{"aaaaaa", "aaaaaa", "bbbbbb", "cccccc"} {
		if err := forget(dir, id); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
		t.Errorf("the directories stay after the last: %v", err)
	}
}

func TestOrphan(t *testing.T) {
	t.Parallel()
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	holding := func(id, name string) string {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "installation"), []byte(id+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	made := func(name string) string { return holding("aaaaaa", name) }
	for dir, want := range map[string]bool{
		made("hanok"):                                                  false,
		filepath.Join(t.TempDir(), "gone"):                             true,
		made(fmt.Sprintf("hanok-test-%d-1", os.Getpid())):              false,
		made(fmt.Sprintf("hanok-test-%d-2", ended.ProcessState.Pid())): true,
	} {
		if got := (Installation{"aaaaaa", dir}).Orphan(); got != want {
			t.Errorf("%s: orphan %v, want %v", dir, got, want)
		}
	}
}

func TestOrphanDirs(t *testing.T) {
	t.Parallel()
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	orphan := filepath.Join(temp, fmt.Sprintf("hanok-test-%d-1", ended.ProcessState.Pid()))
	for _, dir := range []string{orphan, filepath.Join(temp, fmt.Sprintf("hanok-test-%d-1", os.Getpid())), filepath.Join(temp, "hanok-test-x"), filepath.Join(temp, "other")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if got := OrphanDirs(temp); !slices.Equal(got, []string{orphan}) {
		t.Errorf("got %v, want %s alone", got, orphan)
	}
}

// TestInstallationsOf: a cache knows whose machines may need it also after the
// host's boot, forgets whose state is gone, and does not guess about one whose
// disk is not there.
func TestInstallationsOf(t *testing.T) {
	t.Parallel()
	cache, gone, unmounted := t.TempDir(), filepath.Join(t.TempDir(), "gone"), t.TempDir()
	a, served := Installation{"aaaaaa", t.TempDir()}, Installation{"dddddd", t.TempDir()}
	for _, i := range []Installation{a, served} {
		if err := os.WriteFile(filepath.Join(i.StateDir, "installation"), []byte(i.ID+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, i := range []Installation{{"bbbbbb", gone}, a, a} {
		if err := i.NoteInCache(cache); err != nil {
			t.Fatal(err)
		}
	}
	got, err := installationsOf(cache, []Installation{served, a, {"eeeeee", served.StateDir}})
	if want := []Installation{a, served}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if notes, err := os.ReadDir(filepath.Join(cache, cacheNotes)); err != nil || len(notes) != 1 {
		t.Errorf("notes %v, %v, want those of %s alone", notes, err, a.ID)
	}
	if err := (Installation{"cccccc", unmounted}).NoteInCache(cache); err != nil {
		t.Fatal(err)
	}
	if got, err := installationsOf(cache, nil); err == nil {
		t.Errorf("with an empty state directory: %v, want an error", got)
	}
}

// TestNotesAtOnce: installations that come and go at once do not keep each
// other from leaving a note.
func TestNotesAtOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "hanok", "installations")
	var g errgroup.Group
	for n := range 8 {
		g.Go(func() error {
			i := Installation{ID: fmt.Sprintf("%06x", n), StateDir: "/x"}
			for range 100 {
				if err := errors.Join(i.note(dir), forget(dir, i.ID)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}
