package bundle

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeBundle makes a small complete bundle in the cache.
func writeBundle(t *testing.T, c *Cache, version string) *Bundle {
	t.Helper()
	dir := c.bundleDir(version)
	m := &Manifest{Format: manifestFormat, Version: version, Platform: "linux/amd64", Components: map[string]string{"kubernetes": version}}
	for path, kind := range map[string]Kind{"bin/kube": KindProgram, "images/pause.tar": KindImage, "cni/bridge": KindCNI} {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(path+" of "+version), 0o755); err != nil {
			t.Fatal(err)
		}
		f := File{Path: path, Kind: kind}
		if kind == KindImage {
			f.Refs = []string{"registry.example/pause:1"}
		}
		if err := m.add(dir, f); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("kube", filepath.Join(dir, "bin/kubelet")); err != nil {
		t.Fatal(err)
	}
	m.Files = append(m.Files, File{Path: "bin/kubelet", Kind: KindProgram, Link: "kube"})
	raw, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, manifestName), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := c.Verify(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVerify(t *testing.T) {
	t.Parallel()
	c := Open(t.TempDir())
	b := writeBundle(t, c, "v1.30.3")
	if len(b.Digest) != 64 || b.Path("bin/kube") != filepath.Join(c.Dir(), "bundles/v1.30.3/bin/kube") {
		t.Errorf("bundle = %+v", b)
	}
	if images := b.Images(); len(images) != 1 || images[0].Refs[0] != "registry.example/pause:1" {
		t.Errorf("images = %+v", images)
	}
	again, err := c.Verify(t.Context(), "v1.30.3")
	if err != nil || again.Digest != b.Digest {
		t.Errorf("second Verify = %+v, %v", again, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Verify(ctx, "v1.30.3"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled Verify = %v", err)
	}
}

// TestVerifyReadsOnce shows that an unchanged file is not read again: its
// content is out of reach and Verify still succeeds.
func TestVerifyReadsOnce(t *testing.T) {
	t.Parallel()
	c := Open(t.TempDir())
	b := writeBundle(t, c, "v1.30.3")
	c.mu.Lock()
	for path, entry := range c.sums {
		if path == b.Path("bin/kube") {
			entry.sum = strings.Repeat("0", 64) // what Verify remembers, not what lies there
			c.sums[path] = entry
		}
	}
	c.mu.Unlock()
	var damaged *damagedError
	if _, err := c.Verify(t.Context(), "v1.30.3"); !errors.As(err, &damaged) {
		t.Errorf("Verify = %v: it read the file although nothing about it changed", err)
	}
}

func TestVerifyDamaged(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		damage func(dir string) error
		want   string
	}{
		{"missing", func(dir string) error { return os.Remove(dir + "/cni/bridge") }, "cni/bridge is missing"},
		{"shorter", func(dir string) error { return os.Truncate(dir+"/cni/bridge", 3) }, "cni/bridge has 3 bytes"},
		{"mode", func(dir string) error { return os.Chmod(dir+"/bin/kube", 0o644) }, "bin/kube has mode 0644 instead of 0755"},
		{"link", func(dir string) error {
			return errors.Join(os.Remove(dir+"/bin/kubelet"), os.Symlink("bridge", dir+"/bin/kubelet"))
		}, "bin/kubelet is not a link to kube"},
		{"link to a file", func(dir string) error {
			return errors.Join(os.Remove(dir+"/cni/bridge"), os.Symlink("../bin/kube", dir+"/cni/bridge"))
		}, "cni/bridge is not a regular file"},
		{"one bit, size and time as before", func(dir string) error {
			path := dir + "/images/pause.tar"
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			raw[0] ^= 1
			return errors.Join(os.WriteFile(path, raw, 0o755), os.Chtimes(path, time.Time{}, info.ModTime()))
		}, "images/pause.tar has another checksum"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := Open(t.TempDir())
			b := writeBundle(t, c, "v1.30.3")
			if err := tt.damage(b.Dir); err != nil {
				t.Fatal(err)
			}
			_, err := c.Verify(t.Context(), "v1.30.3")
			var damaged *damagedError
			if !errors.As(err, &damaged) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "hanok bundle build v1.30.3") {
				t.Errorf("Verify = %v, want %q and the way out", err, tt.want)
			}
		})
	}
}

func TestVerifyAbsent(t *testing.T) {
	t.Parallel()
	c := Open(t.TempDir())
	if _, err := c.Verify(t.Context(), "v1.30.3"); !errors.Is(err, errNotBuilt) || !strings.Contains(err.Error(), "hanok bundle build v1.30.3") {
		t.Errorf("Verify = %v, want ErrNotBuilt and the way out", err)
	}
	for _, version := range []string{"", "1.30.3", "v1.30", "../../etc", "v1.30.3/.."} {
		if _, err := c.Verify(t.Context(), version); err == nil || errors.Is(err, errNotBuilt) {
			t.Errorf("Verify(%q) = %v, want it refused", version, err)
		}
	}
}

func TestManifestRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no JSON":      `{`,
		"other format": `{"format":2,"version":"v1.30.3","files":[{"path":"a"}]}`,
		"no files":     `{"format":1,"version":"v1.30.3"}`,
		"parent":       `{"format":1,"files":[{"path":"../a"}]}`,
		"absolute":     `{"format":1,"files":[{"path":"/a"}]}`,
		"unclean":      `{"format":1,"files":[{"path":"a/../../b"}]}`,
		"link outside": `{"format":1,"files":[{"path":"a","link":"../../etc/passwd"}]}`,
	} {
		if _, err := parseManifest([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	c := Open(t.TempDir())
	if bundles, err := c.List(); err != nil || len(bundles) != 0 {
		t.Errorf("List of nothing = %v, %v", bundles, err)
	}
	for _, v := range []string{"v1.30.3", "v1.9.11", "v1.29.3"} {
		writeBundle(t, c, v)
	}
	if err := os.WriteFile(filepath.Join(c.bundleDir("v1.29.3"), manifestName), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	bundles, err := c.List()
	if err != nil || len(bundles) != 2 || bundles[0].Version != "v1.9.11" || bundles[1].Version != "v1.30.3" {
		t.Errorf("List = %v, %v; want the readable ones by version", bundles, err)
	}
	if versions, err := c.Versions(); err != nil || strings.Join(versions, " ") != "v1.9.11 v1.29.3 v1.30.3" {
		t.Errorf("Versions = %v, %v", versions, err)
	}
}
