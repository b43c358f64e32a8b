package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/diskfault"
	"github.com/hanok/hanok/internal/store"
)

// tempPrefix begins the names of archives that are being received.
const tempPrefix = ".receiving-"

// tempBlob is a received archive that has no place yet.
type tempBlob struct {
	dir, path string
}

// remove drops what was not kept.
func (t *tempBlob) remove() { os.Remove(t.path) }

// keep puts the archive in its place; one that is there already is the same.
func (t *tempBlob) keep(digest string) error {
	if err := os.Rename(t.path, filepath.Join(t.dir, digest)); err != nil {
		return fmt.Errorf("keep the archive: %w", err)
	}
	d, err := os.Open(t.dir)
	if err != nil {
		return fmt.Errorf("keep the archive: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// receiveArchive writes an archive to the disk, uncompressed, and looks into
// it while it passes.
func (e *Engine) receiveArchive(ctx context.Context, r io.Reader) (image LoadedImage, temp *tempBlob, err error) {
	if err := os.MkdirAll(e.cfg.BlobDir, 0o700); err != nil {
		return image, nil, diskfault.Explain(filepath.Dir(e.cfg.BlobDir), fmt.Errorf("make the directory of image archives: %w", err))
	}
	f, err := os.CreateTemp(e.cfg.BlobDir, tempPrefix+"*")
	if err != nil {
		return image, nil, diskfault.Explain(e.cfg.BlobDir, fmt.Errorf("receive the archive: %w", err))
	}
	temp = &tempBlob{dir: e.cfg.BlobDir, path: f.Name()}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			temp.remove()
			err = diskfault.Explain(e.cfg.BlobDir, err)
		}
	}()
	content, err := plain(&boundedReader{ctx: ctx, r: r, left: e.cfg.Settings.MaxImageBytes, limit: e.cfg.Settings.MaxImageBytes})
	if err != nil {
		return image, temp, fromReader(err)
	}
	// gzip may grow: bounded again behind it.
	content = &boundedReader{ctx: ctx, r: content, left: e.cfg.Settings.MaxImageBytes, limit: e.cfg.Settings.MaxImageBytes}
	sum := sha256.New()
	look, feed := io.Pipe()
	var g errgroup.Group
	g.Go(func() (err error) {
		image.Refs, err = inspectArchive(look)
		look.CloseWithError(err)
		return err
	})
	_, copyErr := io.Copy(io.MultiWriter(f, sum, feed), content)
	feed.CloseWithError(copyErr) // nil is the end of the file
	if err := g.Wait(); err != nil {
		return image, temp, err
	}
	if copyErr != nil {
		return image, temp, fromReader(copyErr)
	}
	if err := f.Sync(); err != nil {
		return image, temp, fmt.Errorf("keep the archive: %w", err)
	}
	image.Digest = hex.EncodeToString(sum.Sum(nil))
	return image, temp, nil
}

// boundedReader ends with an error when there is too much to read, or when
// its context ends.
type boundedReader struct {
	ctx         context.Context
	r           io.Reader
	left, limit int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, context.Cause(b.ctx)
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, &hanok.Error{Kind: hanok.KindTooLarge, Field: "archive",
			Detail: fmt.Sprintf("it has more than %d MiB, the limit of this service", b.limit>>20)}
	}
	return n, err
}

// removeUnusedBlobs removes archives that no cluster lists.
func (e *Engine) removeUnusedBlobs(ctx context.Context) {
	e.blobs.Lock()
	defer e.blobs.Unlock()
	entries, err := os.ReadDir(e.cfg.BlobDir)
	if err != nil || len(entries) == 0 {
		return
	}
	used := map[string]bool{}
	err = e.cfg.Store.View(ctx, func(tx store.Tx) error {
		docs, err := tx.Documents(kindClusterSpec, "")
		if err != nil {
			return err
		}
		for _, doc := range docs {
			var spec ClusterSpec
			if err := json.Unmarshal(doc.Body, &spec); err != nil {
				return fmt.Errorf("read %s %s: %w", kindClusterSpec, doc.ID, err)
			}
			for _, image := range spec.Images {
				used[image.Digest] = true
			}
		}
		return nil
	})
	if err != nil {
		e.log.Warn("cannot look for unused image archives", "error", err)
		return
	}
	for _, entry := range entries {
		if used[entry.Name()] || strings.HasPrefix(entry.Name(), tempPrefix) {
			continue
		}
		if err := os.Remove(filepath.Join(e.cfg.BlobDir, entry.Name())); err != nil {
			e.log.Warn("cannot remove an unused image archive", "error", err)
		}
	}
}

// removeUnreceived removes what a crash left of archives on their way.
func (e *Engine) removeUnreceived() {
	left, _ := filepath.Glob(filepath.Join(e.cfg.BlobDir, tempPrefix+"*"))
	for _, path := range left {
		os.Remove(path)
	}
}
