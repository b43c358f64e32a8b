package agent

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/machine"
)

// fakeCtr keeps a list of images in a file; importing an archive adds the
// lines of the archive to it.
const fakeCtr = `#!/bin/sh
[ "$1 $2 $3" = "--namespace k8s.io images" ] || exit 2
case "$4" in
ls) cat "${0%/*}/images" 2>/dev/null || true ;;
import) echo "import $5" >> "${0%/*}/calls"; cat "$5" >> "${0%/*}/images" ;;
esac
`

func newImageMachine(t *testing.T, s *testService) (*testMachine, machine.State) {
	t.Helper()
	m := newTestMachine(t, s)
	m.write(t, "/usr/bin/ctr", fakeCtr)
	if err := os.Chmod(m.path("/usr/bin/ctr"), 0o755); err != nil {
		t.Fatal(err)
	}
	manifest := machine.BundlesDir + "/v1.30.3/manifest.json"
	m.write(t, manifest, "{}")
	m.write(t, machine.BundlesDir+"/v1.30.3/images/pause.tar", "registry.k8s.io/pause:3.9\n")
	containerd := m.sh("containerd", "")
	containerd.Ready = &machine.Probe{File: "/containerd-is-up"}
	return m, machine.State{
		Bundle:     machine.Bundle{Version: "v1.30.3", Digest: digestOf(m.path(manifest))},
		Containerd: true,
		Processes:  []machine.Process{containerd},
		Images:     []machine.Image{{Refs: []string{"registry.k8s.io/pause:3.9"}, BundlePath: "images/pause.tar"}},
	}
}

func TestMissingImagesAreImported(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m, state := newImageMachine(t, s)
	// A blob whose first transfer breaks off.
	content := append([]byte("example.org/app:1\n"), bytes.Repeat([]byte("\n"), 200_000)...)
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	s.blobs[digest], s.cutBlob = content, 100_000
	state.Images = append(state.Images, machine.Image{Refs: []string{"example.org/app:1"}, Blob: digest})

	m.bootUp(t)
	wanted := s.set(state)
	r := s.await(t, "containerd runs", func(r machine.Report) bool { return processNamed(r, "containerd").State == machine.ProcessRunning })
	if r.Applied {
		t.Error("applied before containerd can have the images")
	}
	m.write(t, "containerd-is-up", "")
	r = s.awaitReady(t, wanted)
	if strings.Join(r.Images, " ") != "registry.k8s.io/pause:3.9 example.org/app:1" {
		t.Errorf("images: %v", r.Images)
	}
	if n := strings.Count(m.read("/usr/bin/calls"), "import"); n != 2 {
		t.Errorf("%d imports, want 2:\n%s", n, m.read("/usr/bin/calls"))
	}
	if left, err := os.ReadDir(m.path(blobDir)); err == nil || len(left) != 0 {
		t.Errorf("the blob is still on the machine's disk: %v, %v", left, err)
	}
}

func TestArchiveWithoutTheImageIsAnError(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m, state := newImageMachine(t, s)
	m.write(t, "containerd-is-up", "")
	state.Images[0].Refs = []string{"registry.k8s.io/pause:4"}
	m.bootUp(t)
	wanted := s.set(state)
	r := s.await(t, "an error", func(r machine.Report) bool { return r.StateVersion == wanted.Version && r.Error != "" })
	if !strings.Contains(r.Error, "does not hold the image registry.k8s.io/pause:4") || r.Applied || r.Ready {
		t.Errorf("applied %v, ready %v, error %q", r.Applied, r.Ready, r.Error)
	}
}

func TestBlobOfAnotherDigestIsRefused(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m, state := newImageMachine(t, s)
	m.write(t, "containerd-is-up", "")
	digest := strings.Repeat("ab", 32)
	s.blobs[digest] = []byte("example.org/app:1\n")
	state.Images = []machine.Image{{Refs: []string{"example.org/app:1"}, Blob: digest}}
	m.bootUp(t)
	wanted := s.set(state)
	r := s.await(t, "an error", func(r machine.Report) bool { return r.StateVersion == wanted.Version && r.Error != "" })
	if !strings.Contains(r.Error, "came with digest") || m.read("/usr/bin/calls") != "" {
		t.Errorf("error %q, calls %q", r.Error, m.read("/usr/bin/calls"))
	}
}
