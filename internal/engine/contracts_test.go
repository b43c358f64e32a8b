package engine

import (
	"github.com/hanok/hanok/internal/bundle"
	"github.com/hanok/hanok/internal/fleet"
)

// The packages that serve wires in are what the engine asks for.
var (
	_ Fleet   = (*fleet.Fleet)(nil)
	_ Bundles = (*bundle.Cache)(nil)
)
