package local

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// installationFile keeps the installation's id in the state directory.
const installationFile = "installation"

var installationRE = regexp.MustCompile(`^[0-9a-f]{6}$`)

// installationID gives the id of the installation in a state directory, and
// draws one the first time.
func installationID(stateDir string) (string, error) {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return "", fmt.Errorf("state directory: %w", err)
	}
	path := filepath.Join(stateDir, installationFile)
	raw, err := os.ReadFile(path)
	if err == nil {
		id := strings.TrimSpace(string(raw))
		if !installationRE.MatchString(id) {
			return "", fmt.Errorf("%s holds %q and not six hex digits: restore it; the names of this installation on the host carry them", path, id)
		}
		return id, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var b [3]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	id := hex.EncodeToString(b[:])
	f, err := os.CreateTemp(stateDir, installationFile+".*")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(id + "\n")
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		// A link, unlike a rename, keeps the id of whoever was faster.
		err = os.Link(f.Name(), path)
	}
	if errors.Is(err, fs.ErrExist) {
		return installationID(stateDir)
	}
	if err != nil {
		return "", fmt.Errorf("keeping the installation's id: %w", err)
	}
	return id, nil
}

func removeInstallationID(stateDir string) error {
	err := os.Remove(filepath.Join(stateDir, installationFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
