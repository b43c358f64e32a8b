package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hanok/hanok/internal/machine"
)

// writeFiles puts the state's files in place.
func (a *agent) writeFiles(files []machine.File) error {
	for _, f := range files {
		if !filepath.IsAbs(f.Path) {
			return fmt.Errorf("file %q: the path is not absolute", f.Path)
		}
		mode := fs.FileMode(f.Mode).Perm()
		if mode == 0 {
			mode = 0o600
		}
		if err := ensureFile(a.path(f.Path), f.Content, mode); err != nil {
			return fmt.Errorf("file %s: %w", f.Path, err)
		}
	}
	return nil
}

// removeStale removes the files and certificates that an earlier state put
// there and this one does not list. Which these are is on disk, so that a
// restart in between forgets none.
func (a *agent) removeStale(s machine.State) {
	listed := make(map[string]bool)
	for _, f := range s.Files {
		listed[f.Path] = true
	}
	for _, c := range s.Certificates {
		listed[c.CertPath], listed[c.KeyPath] = true, true
	}
	ledger := a.path(machine.StateDir + "/files.json")
	var before []string
	if err := readJSON(ledger, &before); err != nil && !errors.Is(err, os.ErrNotExist) {
		a.log.Warn("it is not known which files earlier states left", "err", err)
	}
	changed := len(before) != len(listed)
	for _, path := range before {
		if listed[path] {
			continue
		}
		changed = true
		if err := os.Remove(a.path(path)); err != nil && !errors.Is(err, os.ErrNotExist) {
			a.log.Warn("a file that is not wanted any more could not be removed", "path", path, "err", err)
			listed[path] = true // try again next time
		}
	}
	if !changed {
		return
	}
	paths := make([]string, 0, len(listed))
	for path := range listed {
		paths = append(paths, path)
	}
	if err := writeJSON(ledger, paths, 0o600); err != nil {
		a.log.Warn("the list of written files could not be kept", "err", err)
	}
}

// keepStateOnce writes the state to disk unless it is there.
func (a *agent) keepStateOnce(s machine.State) error {
	if last, err := a.lastState(); err == nil && last.Version == s.Version {
		return nil
	}
	if err := a.keepState(s); err != nil {
		return fmt.Errorf("keep the state on disk: %w", err)
	}
	return nil
}
