package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// notesDir holds one note per installation that served since the host was
// started, so that `hanok sweep` knows whose a name on the host is.
const notesDir = "/run/hanok/installations"

// Installation is a state directory and the id that its names on the host
// carry.
type Installation struct {
	ID       string `json:"id"`
	StateDir string `json:"state_dir"`
}

// InstallationIn gives the installation in a state directory; fs.ErrNotExist
// where there is none.
func InstallationIn(stateDir string) (Installation, error) {
	b, err := os.ReadFile(filepath.Join(stateDir, "installation")) // infra/local keeps it
	return Installation{ID: strings.TrimSpace(string(b)), StateDir: stateDir}, err
}

// Note makes the installation known to sweeps until Forget.
func (i Installation) Note() error { return i.note(notesDir) }

func (i Installation) note(dir string) error {
	b, err := json.Marshal(i)
	if err != nil {
		return err
	}
	tmp := filepath.Join(dir, "."+i.ID)
	for {
		err := os.MkdirAll(dir, 0o755)
		if err == nil {
			err = os.WriteFile(tmp, b, 0o644)
		}
		if err == nil {
			return os.Rename(tmp, filepath.Join(dir, i.ID))
		}
		// The last of the others may leave at any moment, with the directory.
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("note the installation: %w", err)
		}
	}
}

// cacheNotes is the directory, in a cache, of notes of the installations that
// ever worked with it. Unlike those in /run they outlive the host's boots: a
// cache must know whose machines need it.
const cacheNotes = "installations"

// NoteInCache makes the installation known to prunes of a cache, until its
// state directory is gone.
func (i Installation) NoteInCache(cacheDir string) error {
	if err := forgetGone(filepath.Join(cacheDir, cacheNotes)); err != nil {
		return err
	}
	return i.note(filepath.Join(cacheDir, cacheNotes))
}

// forgetGone drops the notes of installations whose state directory is gone.
func forgetGone(dir string) error {
	all, err := readNotes(dir)
	if err != nil {
		return err
	}
	for _, i := range all {
		if _, err := os.Stat(i.StateDir); errors.Is(err, fs.ErrNotExist) {
			if err := forget(dir, i.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// InstallationsOf lists the installations whose machines may need a cache:
// those that worked with it, and those that served since the host was started.
// The state directory of one of the first that is empty, as of a disk that is
// not mounted, is an error: nobody knows what its machines need.
func InstallationsOf(cacheDir string) ([]Installation, error) {
	served, err := Installations()
	if err != nil {
		return nil, err
	}
	return installationsOf(cacheDir, served)
}

func installationsOf(cacheDir string, served []Installation) ([]Installation, error) {
	inCache, err := readNotes(filepath.Join(cacheDir, cacheNotes))
	if err != nil {
		return nil, err
	}
	for _, i := range inCache {
		if entries, err := os.ReadDir(i.StateDir); err == nil && len(entries) == 0 {
			return nil, fmt.Errorf("the state directory %s of installation %s is empty: mount it, or remove it", i.StateDir, i.ID)
		}
	}
	var there []Installation
	for _, i := range append(inCache, served...) {
		now, err := InstallationIn(i.StateDir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case now.ID == i.ID && !slices.Contains(there, i):
			there = append(there, i)
		}
	}
	return there, nil
}

// Installations lists those that served since the host was started and were
// not swept away, by id.
func Installations() ([]Installation, error) { return readNotes(notesDir) }

func readNotes(dir string) ([]Installation, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the notes of installations: %w", err)
	}
	var all []Installation
	for _, e := range entries {
		var i Installation
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil || json.Unmarshal(b, &i) != nil || i.ID != e.Name() {
			continue // half written, or somebody else's
		}
		all = append(all, i)
	}
	return all, nil
}

// Forget drops the note of an installation of which nothing is left.
func Forget(id string) error { return forget(notesDir, id) }

func forget(dir, id string) error {
	if err := os.Remove(filepath.Join(dir, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// The directories go with the last installation.
	if os.Remove(dir) == nil {
		_ = os.Remove(filepath.Dir(dir))
	}
	return nil
}

// testDir is the name of a state directory that a test made, with the test's
// process id.
var testDir = regexp.MustCompile(`^hanok-test-([0-9]+)-`)

// Orphan tells whether nobody will come back to an installation: its state is
// gone, or belonged to a test whose process has ended.
func (i Installation) Orphan() bool {
	switch now, err := InstallationIn(i.StateDir); {
	case errors.Is(err, fs.ErrNotExist), err == nil && now.ID != i.ID:
		return true
	}
	return ofEndedTest(i.StateDir)
}

func ofEndedTest(stateDir string) bool {
	m := testDir.FindStringSubmatch(filepath.Base(stateDir))
	if m == nil {
		return false
	}
	pid, err := strconv.Atoi(m[1])
	return err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// OrphanDirs lists the state directories in a directory for temporary files
// that belonged to tests which have ended.
func OrphanDirs(tempDir string) []string {
	dirs, _ := filepath.Glob(filepath.Join(tempDir, "hanok-test-*"))
	return slices.DeleteFunc(dirs, func(dir string) bool { return !ofEndedTest(dir) })
}
