package e2e

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const probeImage = "hanok.test/probe:1"

// probeArchive assembles the image of the tests' pods: the probe, and
// busybox for what kubectl exec and cp need.
var probeArchive = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(imageDir, "probe")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return probeLayer(binary) })
	if err != nil {
		return "", err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return "", err
	}
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: "linux", Architecture: "amd64",
		RootFS: must(image.ConfigFile()).RootFS,
		Config: v1.Config{Entrypoint: []string{"/probe"}, Env: []string{"PATH=/bin"}, WorkingDir: "/"},
	})
	if err != nil {
		return "", err
	}
	archive := filepath.Join(imageDir, "probe.tar")
	return archive, tarball.WriteToFile(archive, name.MustParseReference(probeImage), image)
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func probeLayer(binary string) (io.ReadCloser, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, d := range []string{"bin/", "tmp/", "etc/"} {
		if err := w.WriteHeader(&tar.Header{Name: d, Typeflag: tar.TypeDir, Mode: 0o777}); err != nil {
			return nil, err
		}
	}
	// In a fixed order: the layer is read more than once, and must be the same.
	for _, file := range []struct{ path, from string }{{"probe", binary}, {"bin/busybox", "/bin/busybox"}} {
		content, err := os.ReadFile(file.from)
		if err != nil {
			return nil, err
		}
		if err := w.WriteHeader(&tar.Header{Name: file.path, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))}); err != nil {
			return nil, err
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	for _, applet := range []string{"sh", "cat", "tar", "ls", "sleep", "echo", "wget", "nslookup", "id", "mount", "ps"} {
		if err := w.WriteHeader(&tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeSymlink, Linkname: "busybox"}); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return io.NopCloser(&b), nil
}

// loadProbe imports the probe on every node of a cluster by the command line,
// as a user would.
func (s *service) loadProbe(t *testing.T, c *cluster) {
	t.Helper()
	archive, err := probeArchive()
	if err != nil {
		t.Fatal(err)
	}
	s.Hanok(t, "image", "load", c.uuid, archive)
}
