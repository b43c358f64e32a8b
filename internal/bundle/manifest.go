package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
)

const (
	manifestName   = "manifest.json"
	manifestFormat = 1
)

// Kind says what a file of a bundle is for.
type Kind string

// The kinds of files.
const (
	KindProgram Kind = "program"
	KindCNI     Kind = "cni"
	KindImage   Kind = "image"
	KindSeed    Kind = "seed"
)

// Manifest is what a bundle says of itself.
type Manifest struct {
	Format     int               `json:"format"`
	Version    string            `json:"version"`
	Platform   string            `json:"platform"` // "linux/amd64"
	Components map[string]string `json:"components"`
	Go         string            `json:"go"`     // the toolchain it was compiled with
	Source     string            `json:"source"` // hash of all that it was made from
	Files      []File            `json:"files"`
	Seed       *Seed             `json:"seed,omitempty"`
}

// File is one file of a bundle.
type File struct {
	Path   string   `json:"path"` // slashes, relative to the bundle's directory
	Kind   Kind     `json:"kind"`
	Size   int64    `json:"size"`
	Mode   uint32   `json:"mode,omitempty"`   // permission bits
	SHA256 string   `json:"sha256,omitempty"` // hex; empty for a link
	Link   string   `json:"link,omitempty"`   // target of a symbolic link
	Refs   []string `json:"refs,omitempty"`   // an image's names
	// Capability is the file's security.capability attribute, in hex.
	Capability string `json:"capability,omitempty"`
}

// Seed describes the containerd state that machines start from; package
// machine/seed has its layout.
type Seed struct {
	Dir        string   `json:"dir"`        // relative to the bundle's directory
	Containerd string   `json:"containerd"` // the version that wrote it
	Refs       []string `json:"refs"`       // the images it holds
}

func digestOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// encode gives the manifest's bytes; its digest is theirs.
func (m *Manifest) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	err := e.Encode(m)
	return b.Bytes(), err
}

func parseManifest(raw []byte) (*Manifest, error) {
	m := &Manifest{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("not a bundle's manifest: %w", err)
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("its format is %d, this hanok reads %d", m.Format, manifestFormat)
	}
	if len(m.Files) == 0 {
		return nil, errors.New("it lists no files")
	}
	for _, f := range m.Files {
		if !localPath(f.Path) || f.Link != "" && !localPath(path.Join(path.Dir(f.Path), f.Link)) {
			return nil, fmt.Errorf("the file %q lies outside the bundle", f.Path)
		}
	}
	return m, nil
}

// localPath tells whether a path stays inside the bundle.
func localPath(p string) bool {
	return p != "" && !path.IsAbs(p) && path.Clean(p) == p && p != ".." && !strings.HasPrefix(p, "../")
}

var versionPattern = regexp.MustCompile(`^v(\d+)\.(\d+)\.(\d+)$`)

// CheckVersion tells whether a text is a release's version, such as v1.30.3.
func CheckVersion(version string) error {
	if !versionPattern.MatchString(version) {
		return fmt.Errorf("%q is not a Kubernetes version such as v1.30.3", version)
	}
	return nil
}
