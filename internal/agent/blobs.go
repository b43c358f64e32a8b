package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// fetchBlob brings content of the service to the agent's disk and verifies
// it. A transfer that broke off goes on where it stopped. It gives the path.
func (a *agent) fetchBlob(ctx context.Context, digest string) (string, error) {
	if raw, err := hex.DecodeString(digest); err != nil || len(raw) != sha256.Size {
		return "", fmt.Errorf("blob %q is no sha256 in hex", digest)
	}
	dir := a.path(blobDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(dir, digest)
	if digestOf(path) == digest {
		return path, nil
	}
	part := path + ".part"
	if err := a.download(ctx, digest, part); err != nil {
		return "", fmt.Errorf("blob %.12s…: %w", digest, err)
	}
	if have := digestOf(part); have != digest {
		return "", errors.Join(fmt.Errorf("blob %.12s… came with digest %.12s…", digest, have), os.Remove(part))
	}
	return path, os.Rename(part, path)
}

// download appends what is missing to the file.
func (a *agent) download(ctx context.Context, digest, part string) error {
	f, err := os.OpenFile(part, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	offset, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	content, partial, err := a.service.blob(ctx, digest, offset)
	var refused *refusal
	if errors.As(err, &refused) && refused.status == 416 {
		return nil // all of it is there
	}
	if err != nil {
		return err
	}
	defer content.Close()
	if !partial {
		if err := f.Truncate(0); err != nil {
			return err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	_, err = io.Copy(f, content)
	return err
}

// dropBlobs removes what was fetched: containerd holds all that is wanted, and
// a transfer that is left unfinished is of an earlier state.
func (a *agent) dropBlobs() {
	if err := os.RemoveAll(a.path(blobDir)); err != nil {
		a.log.Warn("fetched blobs could not be removed", "err", err)
	}
}

// digestOf gives the sha256 of a file in hex, "" when it cannot be read.
func digestOf(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}
