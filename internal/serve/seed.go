package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/hanok/hanok/internal/infra/embedded"
	"github.com/hanok/hanok/internal/store"
)

// InitialPasswordFile is the name, in a state directory, of the file that
// holds the password which the first user was made with.
const InitialPasswordFile = "initial-password"

// seed makes the first user and the catalogue where there are none. The
// password is on disk before the user is in the store, so that no crash
// leaves a user whose password nobody knows.
func seed(ctx context.Context, stateDir string, st store.Store, users *embedded.Identity, log *slog.Logger) error {
	path := filepath.Join(stateDir, InitialPasswordFile)
	password, written := "", false
	switch b, err := os.ReadFile(path); {
	case err == nil && len(strings.TrimSpace(string(b))) > 0:
		password = strings.TrimSpace(string(b))
	case err == nil || errors.Is(err, fs.ErrNotExist):
		password, written = embedded.GeneratePassword(), true
		if err := writeSecret(path, password+"\n"); err != nil {
			return err
		}
	default:
		return fmt.Errorf("read the first password: %w", err)
	}
	made, err := embedded.Seed(ctx, st, users, password)
	if err != nil {
		return fmt.Errorf("make the first user and the catalogue: %w", err)
	}
	if made.Password != "" {
		log.Info("made the first user", "user", made.UserName, "project", made.ProjectName, "password_file", path)
	} else if written {
		// The user is older than the file: the password was never that user's.
		return os.Remove(path)
	}
	return nil
}

// writeSecret writes a file that its owner alone can read, and sees it to the
// disk.
func writeSecret(path, content string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.WriteString(content)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
