package engine

import (
	"context"
	"io"

	"github.com/hanok/hanok"
)

// LoadImage is written next.
func (e *Engine) LoadImage(ctx context.Context, clusterUUID string, r io.Reader) (refs []string, err error) {
	return nil, hanok.NotImplemented("images", "loading images is not built yet")
}

func (e *Engine) removeUnusedBlobs(ctx context.Context) {}
