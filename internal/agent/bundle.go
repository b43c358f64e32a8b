package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hanok/hanok/internal/machine"
)

// bundleDir is where a bundle lies, as processes of the machine see it.
func bundleDir(b machine.Bundle) string {
	return filepath.Join(machine.BundlesDir, b.Version)
}

// checkBundle makes sure that the bundle on the machine is the one wanted.
// The digest of the manifest stands for all of it: the service verified the
// files against the manifest.
func (a *agent) checkBundle(b machine.Bundle) error {
	if b == (machine.Bundle{}) {
		return nil // a state without a release
	}
	if !filepath.IsLocal(b.Version) {
		return fmt.Errorf("bundle version %q is no name of a directory", b.Version)
	}
	manifest := filepath.Join(bundleDir(b), "manifest.json")
	content, err := os.ReadFile(a.path(manifest))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("bundle %s is not on this machine: %s is missing; run `hanok bundle verify %s` where the service runs", b.Version, manifest, b.Version)
	}
	if err != nil {
		return fmt.Errorf("bundle %s: %w", b.Version, err)
	}
	sum := sha256.Sum256(content)
	if have := hex.EncodeToString(sum[:]); have != b.Digest {
		return fmt.Errorf("bundle %s on this machine has digest %.12s…, %.12s… is wanted; the bundle was rebuilt since the cluster was rendered", b.Version, have, b.Digest)
	}
	return nil
}
