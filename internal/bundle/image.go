package bundle

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// epoch is the time of everything in an image: the same program makes the same
// image on any day.
var epoch = time.Unix(0, 0).UTC()

// writeImage writes an OCI archive with one program, and what its recipe asks
// for, to dest.
func writeImage(dest string, r imageRecipe, program, certificates []byte) error {
	layer, err := imageLayer(r, program, certificates)
	if err != nil {
		return err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if img, err = mutate.Append(img, mutate.Addendum{
		// Uncompressed: importing an image is on the way of every new machine.
		Layer:   static.NewLayer(layer, types.OCIUncompressedLayer),
		History: v1.History{CreatedBy: "hanok bundle build", Created: v1.Time{Time: epoch}},
	}); err != nil {
		return err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Created = v1.Time{Time: epoch}
	config.Config = v1.Config{
		Entrypoint: []string{"/" + r.Program.Path},
		User:       r.User,
		WorkingDir: "/",
		Env:        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	}
	if r.Certificates != "" {
		config.Config.Env = append(config.Config.Env, "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt")
	}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		return err
	}
	f, err := os.OpenFile(dest, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if err := writeArchive(f, img, r.Ref); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// imageLayer is the image's file system as a tar.
func imageLayer(r imageRecipe, program, certificates []byte) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	made := map[string]bool{".": true}
	var add func(name string, mode int64, data []byte, xattrs map[string]string) error
	dir := func(name string, mode int64) error {
		made[name] = true
		return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode, ModTime: epoch})
	}
	add = func(name string, mode int64, data []byte, xattrs map[string]string) error {
		parts := strings.Split(path.Dir(name), "/")
		for i := range parts {
			if parent := path.Join(parts[:i+1]...); !made[parent] {
				if err := dir(parent, 0o755); err != nil {
					return err
				}
			}
		}
		if err := w.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data)), ModTime: epoch, PAXRecords: xattrs,
		}); err != nil {
			return err
		}
		_, err := w.Write(data)
		return err
	}

	var xattrs map[string]string
	if len(r.FileCapabilities) > 0 {
		value, err := capabilityXattr(r.FileCapabilities)
		if err != nil {
			return nil, err
		}
		xattrs = map[string]string{"SCHILY.xattr.security.capability": string(value)}
	}
	users := "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"
	groups := "root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n"
	steps := []func() error{
		func() error { return dir("tmp", 0o1777) },
		func() error { return add("etc/passwd", 0o644, []byte(users), nil) },
		func() error { return add("etc/group", 0o644, []byte(groups), nil) },
		func() error {
			if certificates == nil {
				return nil
			}
			return add("etc/ssl/certs/ca-certificates.crt", 0o644, certificates, nil)
		},
		func() error { return add(r.Program.Path, 0o755, program, xattrs) },
		w.Close,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// capabilities are those that images of bundles may ask for, by their bit.
var capabilities = map[string]uint{"net_bind_service": 10}

// capabilityXattr is the value of security.capability that grants names to
// whoever runs the file (revision 2 of the kernel's format: magic and the
// effective flag, then permitted and inheritable bits, low and high words).
func capabilityXattr(names []string) ([]byte, error) {
	const revision2, effective = 0x02000000, 1
	var permitted uint64
	for _, name := range names {
		bit, ok := capabilities[name]
		if !ok {
			return nil, fmt.Errorf("capability %q is not known", name)
		}
		permitted |= 1 << bit
	}
	words := []uint32{revision2 | effective, uint32(permitted), 0, uint32(permitted >> 32), 0}
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b, nil
}

// writeArchive writes an image as a tar of an OCI layout with one name, the
// form that `ctr images import` and others read.
func writeArchive(out io.Writer, img v1.Image, ref string) error {
	rawManifest, err := img.RawManifest()
	if err != nil {
		return err
	}
	manifest, err := img.Manifest()
	if err != nil {
		return err
	}
	rawConfig, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	index, err := json.Marshal(v1.IndexManifest{
		SchemaVersion: 2,
		MediaType:     types.OCIImageIndex,
		Manifests: []v1.Descriptor{{
			MediaType: types.OCIManifestSchema1, Digest: digest, Size: int64(len(rawManifest)),
			Platform: &v1.Platform{OS: "linux", Architecture: runtime.GOARCH},
			Annotations: map[string]string{
				"io.containerd.image.name":          ref,
				"org.opencontainers.image.ref.name": ref[strings.LastIndex(ref, ":")+1:],
			},
		}},
	})
	if err != nil {
		return err
	}
	w := tar.NewWriter(out)
	add := func(name string, size int64, data io.Reader) error {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, ModTime: epoch}); err != nil {
			return err
		}
		_, err := io.Copy(w, data)
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", index},
		{"blobs/sha256/" + digest.Hex, rawManifest},
		{"blobs/sha256/" + manifest.Config.Digest.Hex, rawConfig},
	} {
		if err := add(f.name, int64(len(f.data)), bytes.NewReader(f.data)); err != nil {
			return err
		}
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	for i, l := range layers {
		blob, err := l.Compressed() // as it is: the layer is not compressed
		if err != nil {
			return err
		}
		err = add("blobs/sha256/"+manifest.Layers[i].Digest.Hex, manifest.Layers[i].Size, blob)
		_ = blob.Close()
		if err != nil {
			return err
		}
	}
	return w.Close()
}
