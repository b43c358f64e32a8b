package engine

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hanok/hanok"
)

// maxArchiveIndex bounds the JSON files of an archive that are read.
const maxArchiveIndex = 4 << 20

// Names of the files that tell what an archive holds.
const (
	ociIndex       = "index.json"
	ociLayout      = "oci-layout"
	dockerManifest = "manifest.json"
	ociBlobs       = "blobs/sha256/"
)

// plain gives the archive uncompressed.
func plain(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	magic, err := b.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case len(magic) == 0:
		return nil, badArchive("it is empty")
	case magic[0] == 0x1f && len(magic) > 1 && magic[1] == 0x8b:
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, badArchive("its gzip header is damaged")
		}
		return z, nil
	case string(magic) == "\x28\xb5\x2f\xfd", strings.HasPrefix(string(magic), "BZh"), strings.HasPrefix(string(magic), "\xfd7zX"):
		return nil, badArchive("it is compressed in a way that is not known here: send it uncompressed or gzipped")
	}
	return b, nil
}

func badArchive(format string, args ...any) error {
	return hanok.Invalid("archive", "this is no image archive: %s (make one with docker save or skopeo copy … oci-archive:…)", fmt.Sprintf(format, args...))
}

// inspectArchive reads an uncompressed archive to its end and gives the names
// that containerd will give its images. Damaged content is found here, where
// the user hears of it, rather than on the nodes.
func inspectArchive(r io.Reader) (refs []string, err error) {
	files, err := readArchive(r)
	if err != nil {
		return nil, err
	}
	switch {
	case files.json[ociIndex] != nil && files.json[ociLayout] != nil:
		refs, err = files.ociRefs()
	case files.json[dockerManifest] != nil:
		refs, err = files.dockerRefs()
	default:
		err = badArchive("it holds neither %s nor %s", ociIndex, dockerManifest)
	}
	if err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		return nil, badArchive("its images have no name; save them by name and tag, as in example.org/app:1.0")
	}
	slices.Sort(refs)
	return slices.Compact(refs), nil
}

// archive is what was seen of an archive's files.
type archive struct {
	names map[string]bool
	json  map[string][]byte // the small ones that tell what is in it
}

func readArchive(r io.Reader) (*archive, error) {
	a := &archive{names: map[string]bool{}, json: map[string][]byte{}}
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fromReader(err)
		}
		file := path.Clean(strings.TrimPrefix(h.Name, "/"))
		a.names[file] = true
		switch {
		case file == ociIndex, file == ociLayout, file == dockerManifest:
			if h.Size > maxArchiveIndex {
				return nil, badArchive("its %s has %d bytes, more than %d", file, h.Size, maxArchiveIndex)
			}
			if a.json[file], err = io.ReadAll(t); err != nil {
				return nil, fromReader(err)
			}
		case strings.HasPrefix(file, ociBlobs) && h.Typeflag == tar.TypeReg:
			sum := sha256.New()
			if _, err := io.Copy(sum, t); err != nil {
				return nil, fromReader(err)
			}
			if hex.EncodeToString(sum.Sum(nil)) != path.Base(file) {
				return nil, badArchive("its file %s is damaged: the content has another digest", file)
			}
		}
	}
	_, err := io.Copy(io.Discard, r) // padding after the end, so that all is received
	return a, fromReader(err)
}

// fromReader tells a damaged archive from a connection that broke.
func fromReader(err error) error {
	var mine *hanok.Error
	switch {
	case err == nil, errors.As(err, &mine):
		return err
	case errors.Is(err, tar.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return badArchive("it is damaged or no tar at all")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return badArchive("it ends too early")
	}
	return fmt.Errorf("receive the archive: %w", err)
}

func (a *archive) ociRefs() ([]string, error) {
	var index struct {
		Manifests []struct {
			Digest      string            `json:"digest"`
			Annotations map[string]string `json:"annotations"`
		} `json:"manifests"`
	}
	if err := json.Unmarshal(a.json[ociIndex], &index); err != nil {
		return nil, badArchive("its %s is not valid JSON", ociIndex)
	}
	var refs []string
	for _, m := range index.Manifests {
		sum, _ := strings.CutPrefix(m.Digest, "sha256:")
		if !a.names[ociBlobs+sum] {
			return nil, badArchive("it does not hold the manifest %s that its %s lists", m.Digest, ociIndex)
		}
		ref := m.Annotations["io.containerd.image.name"]
		if ref == "" {
			// containerd takes this one as it is when it looks like a whole
			// name, and puts the date before it when it does not.
			if ref = m.Annotations["org.opencontainers.image.ref.name"]; !strings.ContainsAny(ref, "/:@") {
				continue
			}
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

func (a *archive) dockerRefs() ([]string, error) {
	var images []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(a.json[dockerManifest], &images); err != nil {
		return nil, badArchive("its %s is not valid JSON", dockerManifest)
	}
	refs := map[string]bool{}
	for _, image := range images {
		for _, file := range append(slices.Clone(image.Layers), image.Config) {
			if !a.names[path.Clean(file)] {
				return nil, badArchive("it does not hold the file %s that its %s lists", file, dockerManifest)
			}
		}
		for _, tag := range image.RepoTags {
			ref, err := name.NewTag(tag)
			if err != nil {
				return nil, badArchive("it has an image of the malformed name %q", tag)
			}
			refs[wholeName(ref)] = true
		}
	}
	return slices.Collect(maps.Keys(refs)), nil
}

// wholeName writes a name as containerd does: Docker Hub is docker.io.
func wholeName(ref name.Tag) string {
	whole := ref.Name()
	if rest, ok := strings.CutPrefix(whole, name.DefaultRegistry+"/"); ok {
		return "docker.io/" + rest
	}
	return whole
}
