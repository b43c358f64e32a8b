package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hanok/hanok/internal/api"
	"github.com/hanok/hanok/internal/api/agentapi"
	"github.com/hanok/hanok/internal/api/catalogue"
	"github.com/hanok/hanok/internal/api/identity"
	"github.com/hanok/hanok/internal/api/magnum"
	"github.com/hanok/hanok/internal/bundle"
	"github.com/hanok/hanok/internal/engine"
	"github.com/hanok/hanok/internal/fleet"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/embedded"
	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/store"
	"github.com/hanok/hanok/internal/store/sqlite"
)

// service is all the parts of a running service, put together.
type service struct {
	cfg    *Config
	log    *slog.Logger
	store  store.Store
	driver infra.Driver
	fleet  *fleet.Fleet
	engine *engine.Engine

	api, agents, operator *http.Server
	// Listeners are open before anything is said to be ready.
	apiListener, agentListener, operatorListener net.Listener
}

// assemble puts the parts together, from the ground up, and opens the
// listeners. On an error nothing stays open.
func assemble(ctx context.Context, c *Config, o Options, log *slog.Logger) (s *service, err error) {
	s = &service{cfg: c, log: log}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	st, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(c.StateDir, "hanok.db"), Log: log})
	if err != nil {
		return s, err
	}
	s.store = st
	if s.driver, err = o.OpenDriver(ctx, c, log); err != nil {
		return s, err
	}
	if err = s.driver.Restore(ctx); err != nil {
		return s, fmt.Errorf("restore machines and networks: %w", err)
	}
	users := embedded.NewIdentity(st, embedded.IdentityOptions{TokenLife: c.TokenLifetime})
	things := embedded.NewCatalogue(st)
	if err = seed(ctx, c.StateDir, st, users, log); err != nil {
		return s, err
	}
	registry := newRegistry(o.Version, st, s.driver)
	bundles := bundle.Open(c.CacheDir)
	if err = s.assembleEngine(ctx, o, bundles, registry); err != nil {
		return s, err
	}
	if s.apiListener, err = c.listen(); err != nil {
		return s, err
	}
	address := s.driver.AgentAddress()
	if s.agentListener, err = net.Listen("tcp", address.String()); err != nil {
		return s, fmt.Errorf("listen for machines on %s: %w; another --agent-port avoids it", address, err)
	}
	if s.operatorListener, err = listenOperator(c.StateDir); err != nil {
		return s, err
	}
	observed := newRequestMetrics(registry)
	handler := api.NewServer(api.Config{
		Log:       log,
		PublicURL: c.PublicURL,
		Magnum: magnum.New(magnum.Config{
			Store: st, Engine: s.engine, Catalogue: things, Identity: users, Projects: users, Bundles: versions(bundles, log),
		}),
		Services: services(c, st, users, things),
		Health:   http.HandlerFunc(alive),
		Ready:    &readiness{store: st, driver: s.driver},
		Metrics:  promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}),
		Observe:  observed.observe,
	})
	s.api = api.HTTPServer(handler, log)
	s.agents = agentapi.NewServer(s.fleet, log)
	s.operator = s.operatorServer(o.Version, users, things)
	return s, nil
}

// assembleEngine puts the engine and the fleet together: both work from the
// same desired state.
func (s *service) assembleEngine(ctx context.Context, o Options, bundles *bundle.Cache, registry prometheus.Registerer) error {
	c := s.cfg
	mirrors, err := c.mirrors()
	if err != nil {
		return err
	}
	blobs := filepath.Join(c.StateDir, "blobs")
	desired := engine.Desired{
		Store: s.store, Bundles: bundles, BlobDir: blobs, Region: c.Region,
		Registry: kube.Registry{
			Mirrors: mirrors, HTTPProxy: c.HTTPProxy, HTTPSProxy: c.HTTPSProxy, NoProxy: c.NoProxy,
		},
		ScriptTimeout: c.UserScriptTimeout,
		RestrictedOOM: !mayLowerOOMScore(),
	}
	if s.fleet, err = fleet.New(ctx, fleet.Config{
		Store: s.store, Log: s.log, Render: desired.Render, Sign: desired.Sign, Blob: desired.Blob,
	}); err != nil {
		return err
	}
	crash, err := engine.CrashAt(o.Getenv("HANOK_CRASH_AT"))
	if err != nil {
		return fmt.Errorf("HANOK_CRASH_AT: %w", err)
	}
	s.engine, err = engine.New(engine.Config{
		Store: s.store, Driver: s.driver, Bundles: bundles, Fleet: s.fleet,
		BlobDir: blobs, Log: s.log, Registerer: registry, AtBoundary: crash,
		Settings: engine.Settings{
			Region: c.Region, Workers: c.Workers, DrainTimeout: c.DrainTimeout, EventRetention: c.EventRetention,
			ControlPlaneFlavor: infra.Flavor{
				ID: "control-plane", Name: "control-plane", Type: "general", VCPUs: c.ControlPlaneVCPUs, MemoryMB: c.ControlPlaneMemoryMB,
			},
		},
	})
	return err
}

// services are the APIs beside container-infra's, by path.
func services(c *Config, st store.Store, users *embedded.Identity, things *embedded.Catalogue) map[string]http.Handler {
	handlers := catalogue.New(catalogue.Config{Catalogue: things, Identity: users, Store: st})
	handlers[identity.Prefix] = identity.New(identity.Config{Identity: users, Projects: users, Credentials: users, Region: c.Region})
	return handlers
}

// versions gives the Kubernetes versions that clusters can be made of here.
func versions(bundles *bundle.Cache, log *slog.Logger) func() []string {
	return func() []string {
		v, err := bundles.Versions()
		if err != nil {
			log.Error("the bundles cannot be listed", "error", err)
		}
		return v
	}
}

// run serves until ctx ends or a part fails, and then stops in good order:
// requests under way finish, operations pause between two steps and go on
// when the service is back. Machines and clusters are not touched.
func (s *service) run(ctx context.Context, ready func()) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	failed := make(chan error, 4)
	part := func(name string, f func() error) <-chan struct{} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			err := f()
			if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, context.Canceled) {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		}()
		return done
	}
	engineDone := part("operations", func() error { return s.engine.Run(work) })
	agentsDone := part("machines' listener", func() error { return s.agents.ServeTLS(s.agentListener, "", "") })
	operatorDone := part("operators' socket", func() error { return s.operator.Serve(s.operatorListener) })
	apiDone := part("API listener", func() error { return s.api.Serve(s.apiListener) })
	ready()

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.log.Info("stopping", "grace", s.cfg.ShutdownGrace)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.ShutdownGrace)
	defer cancel()
	for _, server := range []*http.Server{s.api, s.operator} {
		if shutErr := server.Shutdown(grace); shutErr != nil {
			s.log.Warn("requests were cut off", "error", shutErr)
			server.Close()
		}
	}
	stopWork()
	<-engineDone
	if shutErr := s.agents.Shutdown(grace); shutErr != nil {
		s.agents.Close()
	}
	<-agentsDone
	<-operatorDone
	<-apiDone
	return err
}

// close lets go of everything that is open. Safe after a failed assemble.
func (s *service) close() {
	for _, l := range []net.Listener{s.apiListener, s.agentListener, s.operatorListener} {
		if l != nil {
			l.Close() // closed already after a run
		}
	}
	if s.fleet != nil {
		s.fleet.Close()
	}
	if d, ok := s.driver.(interface{ Close() }); ok {
		d.Close()
	}
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.log.Error("close the store", "error", err)
		}
	}
}
