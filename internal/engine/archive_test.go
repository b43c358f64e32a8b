package engine

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/hanok/hanok"
)

// tarOf makes an archive of files, given as name, content, name, content…
func tarOf(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// oci makes an OCI archive whose one manifest has these annotations, as JSON.
func oci(t *testing.T, annotations string) []byte {
	t.Helper()
	d := digest("manifest")
	return tarOf(t, "oci-layout", `{"imageLayoutVersion":"1.0.0"}`,
		"index.json", fmt.Sprintf(`{"manifests":[{"digest":"sha256:%s","annotations":%s}]}`, d, annotations),
		"blobs/sha256/"+d, "manifest")
}

func docker(t *testing.T, tags string) []byte {
	t.Helper()
	return tarOf(t, "a/layer.tar", "layer", "c.json", "config",
		"manifest.json", fmt.Sprintf(`[{"Config":"c.json","RepoTags":%s,"Layers":["a/layer.tar"]}]`, tags))
}

func TestInspectArchive(t *testing.T) {
	t.Parallel()
	good := docker(t, `["app:1"]`)
	tests := []struct {
		name    string
		archive []byte
		want    string // names, or what the error says
	}{
		{"docker", docker(t, `["app:1","example.org/x/app:2"]`), "docker.io/library/app:1 example.org/x/app:2"},
		{"docker, user's repository", docker(t, `["me/app:1"]`), "docker.io/me/app:1"},
		{"oci by containerd's name", oci(t, `{"io.containerd.image.name":"docker.io/library/a:1","org.opencontainers.image.ref.name":"1"}`), "docker.io/library/a:1"},
		{"oci by whole name", oci(t, `{"org.opencontainers.image.ref.name":"example.org/a:1"}`), "example.org/a:1"},
		{"oci with a tag only", oci(t, `{"org.opencontainers.image.ref.name":"latest"}`), "! no name"},
		{"docker without a name", docker(t, `null`), "! no name"},
		{"docker with a bad name", docker(t, `["A B"]`), "! malformed name"},
		{"docker without its layer", tarOf(t, "manifest.json", `[{"Config":"c","RepoTags":["a:1"],"Layers":["l"]}]`), "! does not hold the file l"},
		{"oci without its manifest", tarOf(t, "oci-layout", "{}", "index.json", `{"manifests":[{"digest":"sha256:ab"}]}`), "! does not hold the manifest sha256:ab"},
		{"oci with a damaged blob", tarOf(t, "oci-layout", "{}", "index.json", `{}`, "blobs/sha256/"+digest("x"), "y"), "! is damaged"},
		{"index is no JSON", tarOf(t, "oci-layout", "{}", "index.json", `{`), "! not valid JSON"},
		{"manifest is no JSON", tarOf(t, "manifest.json", `{`), "! not valid JSON"},
		{"some other tar", tarOf(t, "etc/passwd", "x"), "! neither index.json nor manifest.json"},
		{"index too big", tarOf(t, "manifest.json", strings.Repeat(" ", maxArchiveIndex+1)), "! more than"},
		{"no tar", []byte(strings.Repeat("hello ", 500)), "! no tar at all"},
		{"cut off", good[:514], "! too early"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			refs, err := inspectArchive(iotest.OneByteReader(bytes.NewReader(tt.archive)))
			if want, bad := strings.CutPrefix(tt.want, "! "); bad {
				if err == nil || !strings.Contains(err.Error(), want) || hanok.KindOf(err) != hanok.KindInvalid {
					t.Errorf("%v, error %v, want one that says %q", refs, err, want)
				}
				return
			}
			if err != nil || strings.Join(refs, " ") != tt.want {
				t.Errorf("%q, %v, want %s", refs, err, tt.want)
			}
		})
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(docker(t, `["app:1"]`))
	w.Close()
	r, err := plain(&z)
	if err != nil {
		t.Fatal(err)
	}
	if refs, err := inspectArchive(r); err != nil || !slices.Equal(refs, []string{"docker.io/library/app:1"}) {
		t.Errorf("gzipped archive: %v, %v", refs, err)
	}
	for what, content := range map[string]string{"empty": "", "zstd": "\x28\xb5\x2f\xfdxxxx", "bzip2": "BZh9xx", "xz": "\xfd7zXZ\x00", "broken gzip": "\x1f\x8bxx"} {
		if _, err := plain(strings.NewReader(content)); hanok.KindOf(err) != hanok.KindInvalid {
			t.Errorf("%s: error %v, want KindInvalid", what, err)
		}
	}
}
