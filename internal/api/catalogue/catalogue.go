// Package catalogue speaks the parts of Nova, Neutron, Glance and Cinder that
// users look things up in before they create a cluster, and the servers that
// stand for its nodes afterwards. Key pairs can be made and deleted; all else
// is read-only, and what is not here is a 404 in that service's error shape.
package catalogue

import (
	"net/http"
	"slices"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// The paths that the handlers are made for: requests keep them.
const (
	computePrefix = "/compute"
	networkPrefix = "/network"
	imagePrefix   = "/image"
	volumePrefix  = "/volume"
)

// Config is what the APIs work on.
type Config struct {
	Catalogue infra.Catalogue
	Identity  infra.Identity
	Store     store.Store // the nodes that servers stand for
}

// New gives the handlers by the prefix that each answers. Safe for use at once.
func New(c Config) map[string]http.Handler {
	a := &api{Config: c}
	return map[string]http.Handler{
		computePrefix: a.compute(),
		networkPrefix: a.network(),
		imagePrefix:   a.image(),
		volumePrefix:  a.volume(),
	}
}

// Routes lists what the handlers answer
// ("GET /compute/{compute_version}/{project}/flavors"), each once for all
// versions of its service.
func Routes() []string {
	a := &api{}
	a.compute()
	a.network()
	a.image()
	a.volume()
	slices.Sort(a.registered)
	return a.registered
}

type api struct {
	Config
	registered []string // the routes, noted as services are put together
}
