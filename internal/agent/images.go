package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

const (
	containerdProcess = "containerd"
	importTimeout     = 5 * time.Minute
	// imagesEvery is how often images are looked for again: kubelet deletes
	// unused ones when the disk gets full, and where no registry is in reach
	// nothing else would bring them back.
	imagesEvery = 5 * time.Minute
)

// loadImages brings the state's images into containerd and looks after them
// until ctx ends. The state counts as applied once all are there.
func (a *agent) loadImages(ctx context.Context, s machine.State) {
	var pause backoff
	for {
		err := a.importMissing(ctx, s)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.log.Error("images are missing; trying again", "err", err)
			a.status.fail("images", err)
			pause.wait(ctx)
			continue
		}
		pause.reset()
		a.dropBlobs()
		a.status.clear("images")
		a.status.apply(refsOf(s.Images))
		if len(s.Images) == 0 || !sleep(ctx, imagesEvery) {
			return
		}
	}
}

// importMissing imports the images that containerd does not have.
func (a *agent) importMissing(ctx context.Context, s machine.State) error {
	if len(s.Images) == 0 {
		return nil
	}
	if !s.Containerd {
		return errors.New("the state lists images for a machine without containerd")
	}
	wanted := s.Images
	if a.seeded(s.Bundle) {
		wanted = slices.DeleteFunc(slices.Clone(wanted), func(i machine.Image) bool { return i.BundlePath != "" })
		if len(wanted) == 0 {
			return nil
		}
	}
	if err := a.supervisor.await(ctx, containerdProcess); err != nil {
		return err
	}
	present, err := a.imageRefs(ctx)
	if err != nil {
		return err
	}
	for _, image := range wanted {
		if containsAll(present, image.Refs) {
			continue
		}
		name := strings.Join(image.Refs, ", ")
		if err := a.importImage(ctx, s.Bundle, image); err != nil {
			return fmt.Errorf("image %s: %w", name, err)
		}
		if present, err = a.imageRefs(ctx); err != nil {
			return err
		}
		if !containsAll(present, image.Refs) {
			return fmt.Errorf("the archive does not hold the image %s that it is listed for", name)
		}
		a.log.Info("image imported", "image", name)
	}
	return nil
}

func refsOf(images []machine.Image) []string {
	var refs []string
	for _, image := range images {
		refs = append(refs, image.Refs...)
	}
	return refs
}

func containsAll(have, refs []string) bool {
	for _, ref := range refs {
		if !slices.Contains(have, ref) {
			return false
		}
	}
	return true
}

// imageRefs lists the images of Kubernetes' namespace in containerd.
func (a *agent) imageRefs(ctx context.Context) ([]string, error) {
	out, err := a.ctr(ctx, "images", "ls", "-q")
	if err != nil {
		return nil, err
	}
	return strings.Fields(out), nil
}

// importImage imports one archive, of the bundle or of the service.
func (a *agent) importImage(ctx context.Context, b machine.Bundle, image machine.Image) error {
	path := ""
	switch {
	case (image.BundlePath == "") == (image.Blob == ""):
		return errors.New("exactly one of bundle_path and blob must be set")
	case image.BundlePath != "":
		if !filepath.IsLocal(image.BundlePath) {
			return fmt.Errorf("bundle_path %q leaves the bundle", image.BundlePath)
		}
		path = a.path(filepath.Join(bundleDir(b), image.BundlePath))
	default:
		var err error
		if path, err = a.fetchBlob(ctx, image.Blob); err != nil {
			return err
		}
		// containerd holds the content from now on.
		defer os.Remove(path)
	}
	ctx, cancel := context.WithTimeout(ctx, importTimeout)
	defer cancel()
	_, err := a.ctr(ctx, "images", "import", path)
	return err
}

// ctr runs containerd's own client and gives what it prints.
func (a *agent) ctr(ctx context.Context, args ...string) (string, error) {
	return a.output(ctx, append([]string{"ctr", "--namespace", "k8s.io"}, args...))
}
