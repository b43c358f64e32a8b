package engine

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
)

// withImages makes the agents of a cluster report these images.
func (w *world) withImages(t *testing.T, clusterUUID, trouble string, refs ...string) {
	t.Helper()
	err := w.store.View(t.Context(), func(tx store.Tx) error {
		nodes, err := tx.Nodes(clusterUUID)
		for _, n := range nodes {
			if n.Role == hanok.RoleWorker {
				w.setReport(n.Key, machine.Report{Applied: true, Images: refs, Error: trouble})
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) blobs(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(w.dir, "blobs"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (w *world) loaded(t *testing.T, clusterUUID string) (images []LoadedImage) {
	t.Helper()
	err := w.store.View(t.Context(), func(tx store.Tx) error {
		spec, err := readSpec[ClusterSpec](tx, kindClusterSpec, clusterUUID)
		images = spec.Images
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return images
}

func TestLoadImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	c := create(t, e, plan("prod", 2))
	other := create(t, e, plan("other", 1))
	w.awaitStatus(t, c.UUID, hanok.CreateComplete)
	w.awaitStatus(t, other.UUID, hanok.CreateComplete)
	archive := docker(t, `["app:1"]`)
	const ref = "docker.io/library/app:1"

	// It returns when the nodes have it, not before.
	done := make(chan error, 1)
	go func() {
		refs, err := e.LoadImage(t.Context(), c.UUID, bytes.NewReader(archive))
		if err == nil && !slices.Equal(refs, []string{ref}) {
			t.Errorf("names %q", refs)
		}
		done <- err
	}()
	eventually(t, "the archive listed", func() (bool, string) { return len(w.loaded(t, c.UUID)) == 1, "" })
	select {
	case err := <-done:
		t.Fatalf("LoadImage returned before the nodes have the image: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	w.withImages(t, c.UUID, "", ref)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := w.blobs(t); !slices.Equal(got, []string{digest(string(archive))}) {
		t.Errorf("blobs %q", got)
	}
	f, err := e.desired.Blob(t.Context(), w.workerKey(t, c.UUID), digest(string(archive)))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := io.ReadAll(f)
	f.Close()
	if err != nil || !bytes.Equal(kept, archive) {
		t.Errorf("the blob differs from what was sent: %d bytes, %v", len(kept), err)
	}
	if _, err := e.desired.Blob(t.Context(), w.workerKey(t, other.UUID), digest(string(archive))); hanok.KindOf(err) != hanok.KindNotFound {
		t.Errorf("a node of another cluster gets the blob: %v", err)
	}

	// Again: nothing changes. Other content under the name: refused.
	if _, err := e.LoadImage(t.Context(), c.UUID, bytes.NewReader(archive)); err != nil || len(w.loaded(t, c.UUID)) != 1 {
		t.Errorf("loading it again: %v, %v", err, w.loaded(t, c.UUID))
	}
	changed := docker(t, `["app:1","app:2"]`)
	if _, err := e.LoadImage(t.Context(), c.UUID, bytes.NewReader(changed)); hanok.KindOf(err) != hanok.KindConflict {
		t.Errorf("another image of the same name: %v, want KindConflict", err)
	}
	if got := w.blobs(t); len(got) != 1 {
		t.Errorf("the refused archive takes up room: blobs %q", got)
	}
	w.withImages(t, other.UUID, "", ref)
	if _, err := e.LoadImage(t.Context(), other.UUID, bytes.NewReader(archive)); err != nil {
		t.Error(err)
	}

	// The blob lives as long as a cluster lists it.
	remove(t, e, c.UUID)
	w.awaitGone(t, c.UUID)
	if got := w.blobs(t); len(got) != 1 {
		t.Errorf("the other cluster's archive is gone: blobs %q", got)
	}
	remove(t, e, other.UUID)
	w.awaitGone(t, other.UUID)
	eventually(t, "blobs gone", func() (bool, string) { got := w.blobs(t); return len(got) == 0, strings.Join(got, " ") })
}

func (w *world) workerKey(t *testing.T, clusterUUID string) (key string) {
	t.Helper()
	err := w.store.View(t.Context(), func(tx store.Tx) error {
		nodes, err := tx.Nodes(clusterUUID)
		for _, n := range nodes {
			if n.Role == hanok.RoleWorker {
				key = n.Key
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestLoadImageThatNodesRefuse: what no node can import must not stay wanted,
// or no node would ever be what it should be.
func TestLoadImageThatNodesRefuse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	e.imageTrouble = 100 * time.Millisecond
	c := create(t, e, plan("prod", 1))
	w.awaitStatus(t, c.UUID, hanok.CreateComplete)
	w.withImages(t, c.UUID, "image app:1: ctr: layer of unknown media type")
	_, err := e.LoadImage(t.Context(), c.UUID, bytes.NewReader(docker(t, `["app:1"]`)))
	if hanok.KindOf(err) != hanok.KindInvalid || !strings.Contains(err.Error(), "unknown media type") {
		t.Errorf("error %v, want the node's own words", err)
	}
	if got := w.loaded(t, c.UUID); len(got) != 0 {
		t.Errorf("the archive is still listed: %v", got)
	}
	if got := w.blobs(t); len(got) != 0 {
		t.Errorf("the archive is still kept: %v", got)
	}
}

func TestLoadImageRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	w.apiDown.Store(true)
	e, stop := w.start(t, func(c *Config) { c.Settings.MaxImageBytes = 100 << 10 })
	creating := create(t, e, plan("creating", 1))
	good := docker(t, `["app:1"]`)
	if _, err := e.LoadImage(t.Context(), creating.UUID, bytes.NewReader(good)); hanok.KindOf(err) != hanok.KindConflict {
		t.Errorf("into a cluster that is being made: %v, want KindConflict", err)
	}
	if _, err := e.LoadImage(t.Context(), "unknown", bytes.NewReader(good)); hanok.KindOf(err) != hanok.KindNotFound {
		t.Errorf("into an unknown cluster: %v, want KindNotFound", err)
	}
	w.apiDown.Store(false)
	w.awaitStatus(t, creating.UUID, hanok.CreateComplete)
	for what, tt := range map[string]struct {
		r    io.Reader
		want hanok.Kind
	}{
		"no archive":        {strings.NewReader("hello"), hanok.KindInvalid},
		"nothing":           {strings.NewReader(""), hanok.KindInvalid},
		"too big":           {bytes.NewReader(tarOf(t, "x", strings.Repeat("x", 200<<10))), hanok.KindTooLarge},
		"broken connection": {io.MultiReader(bytes.NewReader(good[:1024]), iotest.ErrReader(errors.New("connection reset"))), hanok.KindInternal},
	} {
		_, err := e.LoadImage(t.Context(), creating.UUID, tt.r)
		if err == nil || hanok.KindOf(err) != tt.want {
			t.Errorf("%s: error %v of kind %d, want kind %d", what, err, hanok.KindOf(err), tt.want)
		}
	}
	if got := w.blobs(t); len(got) != 0 {
		t.Errorf("refused archives are kept: %v", got)
	}

	// What a killed service leaves is removed by the next.
	stop()
	for _, name := range []string{tempPrefix + "123", digest("unlisted")} {
		if err := os.WriteFile(filepath.Join(w.dir, "blobs", name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.start(t, nil)
	eventually(t, "leftovers removed", func() (bool, string) { got := w.blobs(t); return len(got) == 0, strings.Join(got, " ") })
}

func TestAccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	w.bundles = errors.New("not built")
	e, stop := w.start(t, nil)
	stop() // nothing carries the create out
	c := create(t, e, plan("prod", 1))
	if _, err := e.Kubeconfig(t.Context(), c.UUID); hanok.KindOf(err) != hanok.KindConflict {
		t.Errorf("kubeconfig without an endpoint: %v, want KindConflict", err)
	}
	w.bundles = nil
	e, _ = w.start(t, nil)
	c = w.awaitStatus(t, c.UUID, hanok.CreateComplete)
	config, err := e.Kubeconfig(t.Context(), c.UUID)
	if err != nil || !strings.Contains(config, c.APIAddress) {
		t.Errorf("kubeconfig %q, %v, want it to name %s", config, err, c.APIAddress)
	}
	if strings.Contains(config, "ca.key") {
		t.Error("the kubeconfig holds the authority's key")
	}
	ca, err := e.CA(t.Context(), c.UUID)
	if err != nil || string(ca) != "ca.crt of prod" {
		t.Errorf("CA = %q, %v", ca, err)
	}
	for what, err := range map[string]error{
		"Kubeconfig": func() error { _, err := e.Kubeconfig(t.Context(), "x"); return err }(),
		"CA":         func() error { _, err := e.CA(t.Context(), "x"); return err }(),
	} {
		if hanok.KindOf(err) != hanok.KindNotFound {
			t.Errorf("%s of an unknown cluster: %v, want KindNotFound", what, err)
		}
	}
}
