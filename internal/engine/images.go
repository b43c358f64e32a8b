package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/diskfault"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
)

// Bounds of the wait for nodes that import an image.
const (
	imageTimeout = 10 * time.Minute
	// imageTrouble is how long a node may complain before its word is final.
	imageTrouble = 15 * time.Second
)

// LoadImage keeps an image archive (docker save or OCI layout, a tar that may
// be gzipped) for every present and future worker of a cluster, and returns
// the names of its images when all present workers have imported it. Loading
// the same archive again is success. An archive that a worker cannot import
// is dropped again.
func (e *Engine) LoadImage(ctx context.Context, clusterUUID string, r io.Reader) (refs []string, err error) {
	if err := e.allowImage(ctx, clusterUUID); err != nil {
		return nil, err
	}
	image, temp, err := e.receiveArchive(ctx, r)
	if err != nil {
		return nil, err
	}
	defer temp.remove()
	workers, err := e.listImage(ctx, clusterUUID, image, temp)
	if err != nil {
		e.removeUnusedBlobs(context.WithoutCancel(ctx)) // this one may lie in its place already
		return nil, err
	}
	e.cfg.Fleet.Changed(keysOf(workers)...)
	// From here on the archive is every worker's, whether the caller waits or
	// not; if a worker refuses it, it must go again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), imageTimeout)
	defer cancel()
	var refused *refusedError
	switch err := e.awaitImported(ctx, workers, image.Refs); {
	case errors.As(err, &refused):
		return nil, errors.Join(hanok.Invalid("archive", "%v", refused), e.unlistImage(ctx, clusterUUID, image.Digest))
	case err != nil:
		return nil, hanok.Errorf(hanok.KindUnavailable, "the image is kept, but not every node has imported it yet: %v", err)
	}
	return image.Refs, nil
}

func (e *Engine) allowImage(ctx context.Context, clusterUUID string) error {
	return e.cfg.Store.View(ctx, func(tx store.Tx) error {
		c, err := tx.Cluster(clusterUUID)
		if err != nil {
			return err
		}
		return hanok.Allow(hanok.OpLoadImage, c.Status)
	})
}

// listImage puts the archive in its place and into the cluster's desired
// state, and gives the workers that are there now.
func (e *Engine) listImage(ctx context.Context, clusterUUID string, image LoadedImage, temp *tempBlob) (workers []hanok.Node, err error) {
	e.blobs.Lock() // a removal of unused blobs must not come between
	defer e.blobs.Unlock()
	if err := temp.keep(image.Digest); err != nil {
		return nil, diskfault.Explain(e.cfg.BlobDir, err)
	}
	err = e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		c, err := tx.Cluster(clusterUUID)
		if err != nil {
			return err
		}
		if err := hanok.Allow(hanok.OpLoadImage, c.Status); err != nil {
			return err
		}
		spec, err := readSpec[ClusterSpec](tx, kindClusterSpec, clusterUUID)
		if err != nil {
			return err
		}
		listed := false
		for _, other := range spec.Images {
			if other.Digest == image.Digest {
				listed = true
				continue
			}
			if i := slices.IndexFunc(image.Refs, func(ref string) bool { return slices.Contains(other.Refs, ref) }); i >= 0 {
				return hanok.Errorf(hanok.KindConflict, "the cluster has another image of the name %s: give this one another tag", image.Refs[i])
			}
		}
		if !listed {
			spec.Images = append(spec.Images, image)
		}
		all, err := tx.Nodes(clusterUUID)
		if err != nil {
			return err
		}
		workers = slices.DeleteFunc(all, func(n hanok.Node) bool {
			return n.Role != hanok.RoleWorker || n.Status != hanok.NodeActive
		})
		return putSpec(tx, kindClusterSpec, clusterUUID, c.ProjectID, spec)
	})
	return workers, err
}

// unlistImage takes an archive out of the cluster's desired state.
func (e *Engine) unlistImage(ctx context.Context, clusterUUID, digest string) error {
	var nodes []hanok.Node
	err := e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		c, err := tx.Cluster(clusterUUID)
		if err != nil {
			return unlessNotFound(err)
		}
		spec, err := readSpec[ClusterSpec](tx, kindClusterSpec, clusterUUID)
		if err != nil {
			return err
		}
		spec.Images = slices.DeleteFunc(spec.Images, func(i LoadedImage) bool { return i.Digest == digest })
		if nodes, err = tx.Nodes(clusterUUID); err != nil {
			return err
		}
		return putSpec(tx, kindClusterSpec, clusterUUID, c.ProjectID, spec)
	})
	if err != nil {
		return fmt.Errorf("drop the archive: %w", err)
	}
	e.cfg.Fleet.Changed(keysOf(nodes)...)
	e.removeUnusedBlobs(ctx)
	return nil
}

// refusedError says that a node cannot import an archive.
type refusedError struct{ node, reason string }

func (e *refusedError) Error() string { return e.node + " cannot import it: " + e.reason }

// awaitImported waits until every node reports the images.
func (e *Engine) awaitImported(ctx context.Context, nodes []hanok.Node, refs []string) error {
	imported := func(r machine.Report) bool {
		return !slices.ContainsFunc(refs, func(ref string) bool { return !slices.Contains(r.Images, ref) })
	}
	g, gctx := errgroup.WithContext(ctx)
	for _, n := range nodes {
		g.Go(func() error {
			var troubled time.Time
			for {
				slice, cancel := context.WithTimeout(gctx, time.Second)
				err := e.cfg.Fleet.Wait(slice, n.Key, imported)
				cancel()
				if err == nil {
					return nil
				}
				if gctx.Err() != nil {
					return fmt.Errorf("%s has not reported it", n.Name)
				}
				if hanok.KindOf(err) == hanok.KindNotFound {
					return nil // the node is gone
				}
				r, _, _ := e.cfg.Fleet.Report(n.Key)
				switch {
				case r.Error == "":
					troubled = time.Time{}
				case troubled.IsZero():
					troubled = time.Now()
				case time.Since(troubled) > e.imageTrouble:
					return &refusedError{n.Name, r.Error}
				}
			}
		})
	}
	return g.Wait()
}
