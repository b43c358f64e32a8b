// Package operator answers the commands of whoever runs the service: projects,
// users, quotas, what users choose from, and how the installation and its
// nodes are. It asks for no token: it is served on a
// socket that root alone may open, and never on a network.
package operator

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/embedded"
	"github.com/hanok/hanok/internal/store"
)

// SocketName is the socket's name in a state directory.
const SocketName = "admin.sock"

// Status is how an installation is.
type Status struct {
	Version      string         `json:"version"`
	PID          int            `json:"pid"`
	Installation string         `json:"installation"`
	Address      string         `json:"address"`       // of the API
	AgentAddress string         `json:"agent_address"` // that machines dial
	StateDir     string         `json:"state_dir"`
	Capacity     infra.Capacity `json:"capacity"`
}

// Config is what the commands work on. All must be set.
type Config struct {
	Accounts  *embedded.Identity
	Catalogue *embedded.Catalogue
	Store     store.Store // quotas
	Status    func(context.Context) (Status, error)
	Inspect   Inspect
}

// New gives the handler. Safe for use by many requests at once.
func New(c Config) http.Handler {
	o := operator{accounts: c.Accounts, catalogue: c.Catalogue, store: c.Store}
	mux := http.NewServeMux()
	handle := func(pattern string, h func(w http.ResponseWriter, r *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			ctx, _ := respond.NewCall(r.Context(), "")
			r = r.WithContext(ctx)
			if err := h(w, r); err != nil {
				respond.Error(w, r, respond.Keystone, err)
			}
		})
	}
	handle("GET /status", func(w http.ResponseWriter, r *http.Request) error {
		s, err := c.Status(r.Context())
		if err == nil {
			respond.JSON(w, http.StatusOK, s)
		}
		return err
	})
	handle("GET /nodes/{node}", showNode(c.Inspect))
	handle("GET /projects", o.listProjects)
	handle("POST /projects", o.createProject)
	handle("DELETE /projects/{project}", o.deleteProject)
	handle("GET /users", o.listUsers)
	handle("POST /users", o.createUser)
	handle("DELETE /users/{user}", o.deleteUser)
	handle("PUT /users/{user}/password", o.setPassword)
	handle("PUT /users/{user}/roles", o.setRoles)
	handle("GET /flavors", o.listFlavors)
	handle("POST /flavors", o.createFlavor)
	handle("DELETE /flavors/{flavor}", o.deleteFlavor)
	handle("GET /images", o.listImages)
	handle("POST /images", o.createImage)
	handle("DELETE /images/{image}", o.deleteImage)
	handle("GET /networks", o.listNetworks)
	handle("POST /networks", o.createNetwork)
	handle("DELETE /networks/{network}", o.deleteNetwork)
	handle("GET /subnets", o.listSubnets)
	handle("POST /subnets", o.createSubnet)
	handle("DELETE /subnets/{subnet}", o.deleteSubnet)
	handle("GET /quotas", o.listQuotas)
	handle("PUT /quotas/{project}/{resource}", o.setQuota)
	handle("DELETE /quotas/{project}/{resource}", o.deleteQuota)
	return mux
}

type operator struct {
	accounts  *embedded.Identity
	catalogue *embedded.Catalogue
	store     store.Store
}

const maxBody = 64 << 10

func read(r *http.Request, body any) error {
	d := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(body); err != nil {
		return hanok.Errorf(hanok.KindInvalid, "the body is not the JSON that is wanted here: %v", err)
	}
	return nil
}
