package bundle

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// readTar returns the headers and contents of a tar by name.
func readTar(t *testing.T, r io.Reader) (map[string]*tar.Header, map[string][]byte) {
	t.Helper()
	headers, contents := map[string]*tar.Header{}, map[string][]byte{}
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if err == io.EOF {
			return headers, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		headers[h.Name], contents[h.Name] = h, raw
	}
}

func TestWriteImage(t *testing.T) {
	t.Parallel()
	r := imageRecipe{
		Ref: "registry.example:5000/dns/dns:v1", User: "65532:65532", FileCapabilities: []string{"net_bind_service"},
		Certificates: "x", Program: programRecipe{Path: "usr/bin/dns"},
	}
	var archives [][]byte
	for range 2 {
		path := filepath.Join(t.TempDir(), "image.tar")
		if err := writeImage(path, r, []byte("PROGRAM"), []byte("CERTS")); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		archives = append(archives, raw)
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("the same program made two different images")
	}

	_, files := readTar(t, bytes.NewReader(archives[0]))
	var index v1.IndexManifest
	if err := json.Unmarshal(files["index.json"], &index); err != nil || len(index.Manifests) != 1 {
		t.Fatalf("index.json: %v, %s", err, files["index.json"])
	}
	if got := index.Manifests[0].Annotations; got["io.containerd.image.name"] != r.Ref || got["org.opencontainers.image.ref.name"] != "v1" {
		t.Errorf("annotations = %v", got)
	}
	blob := func(d v1.Descriptor) []byte {
		t.Helper()
		raw, ok := files["blobs/sha256/"+d.Digest.Hex]
		sum := sha256.Sum256(raw)
		if !ok || hex.EncodeToString(sum[:]) != d.Digest.Hex || int64(len(raw)) != d.Size {
			t.Fatalf("blob %s: there %v, %d bytes", d.Digest, ok, len(raw))
		}
		return raw
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(blob(index.Manifests[0]), &manifest); err != nil {
		t.Fatal(err)
	}
	var config v1.ConfigFile
	if err := json.Unmarshal(blob(manifest.Config), &config); err != nil {
		t.Fatal(err)
	}
	if c := config.Config; c.User != r.User || len(c.Entrypoint) != 1 || c.Entrypoint[0] != "/usr/bin/dns" {
		t.Errorf("config = %+v", c)
	}
	if len(manifest.Layers) != 1 || len(config.RootFS.DiffIDs) != 1 || config.RootFS.DiffIDs[0] != manifest.Layers[0].Digest {
		t.Errorf("layers %v, diff ids %v", manifest.Layers, config.RootFS.DiffIDs)
	}

	headers, contents := readTar(t, bytes.NewReader(blob(manifest.Layers[0])))
	if string(contents["usr/bin/dns"]) != "PROGRAM" || headers["usr/bin/dns"].Mode != 0o755 || string(contents["etc/ssl/certs/ca-certificates.crt"]) != "CERTS" {
		t.Errorf("layer = %v", headers)
	}
	if h := headers["tmp/"]; h == nil || h.Mode != 0o1777 {
		t.Errorf("/tmp = %+v", h)
	}
	// The kernel's format: revision 2 with the effective flag, bit 10, little endian.
	want := "0100000200040000000000000000000000000000"
	if got := hex.EncodeToString([]byte(headers["usr/bin/dns"].PAXRecords["SCHILY.xattr.security.capability"])); got != want {
		t.Errorf("capability attribute = %s, want %s", got, want)
	}
}
