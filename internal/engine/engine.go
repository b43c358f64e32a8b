// Package engine carries out operations: it knows the order of things. An
// operation is an event of the store; its steps look first and act then, so
// each may run again after a crash, on this service or on another.
package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// Config is what an engine works with. Store, Driver, Bundles, Fleet and
// BlobDir are needed; the rest has defaults.
type Config struct {
	Store   store.Store
	Driver  infra.Driver
	Bundles Bundles
	Fleet   Fleet
	Kube    Kubernetes // nil: internal/kube
	// BlobDir keeps the image archives that users loaded, by digest.
	BlobDir    string
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: metrics are counted and shown nowhere
	Settings   Settings
	// AtBoundary is called before and after each step of each operation.
	// Crash tests end the process there; see CrashAt.
	AtBoundary func(Boundary)
}

// Settings are the operator's choices. Zero values take the defaults.
type Settings struct {
	Region string
	// ControlPlaneFlavor is the size of a control-plane member (2 vCPU,
	// 1536 MiB), ControlPlaneDiskGB its boot volume (4 GiB).
	ControlPlaneFlavor infra.Flavor
	ControlPlaneDiskGB int
	// DeleteTimeout ends a delete as DELETE_FAILED (10 minutes).
	DeleteTimeout time.Duration
	// UpdateTimeout ends an operation on a node group as FAIL (1 hour).
	UpdateTimeout time.Duration
	// DrainTimeout is how long a node's pods may take to leave it before the
	// operation gives up (5 minutes).
	DrainTimeout time.Duration
	// StallTimeout ends a create whose control plane or nodes come no nearer
	// to ready, before create_timeout does (10 minutes).
	StallTimeout time.Duration
	// HealthInterval is the time between two looks at a cluster (10 seconds).
	HealthInterval time.Duration
	// EventRetention is how long the events of deleted clusters are kept (30
	// days); of the newest, maxOldEvents at most.
	EventRetention time.Duration
	// Workers bounds the operations under way at once (64).
	Workers int
	// MaxImageBytes bounds an image archive (8 GiB).
	MaxImageBytes int64
}

// Engine carries out operations. Its methods may be called at once.
type Engine struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time
	desired Desired
	// imageTrouble is the constant of that name; tests shorten it.
	imageTrouble time.Duration
	blobs        sync.Mutex // over the files of BlobDir and the lists of them

	mu      sync.Mutex
	running map[int64]*running // by event ID
	clients map[string]client  // by cluster UUID
}

// New makes an engine. It does no work until Run.
func New(cfg Config) (*Engine, error) {
	switch {
	case cfg.Store == nil, cfg.Driver == nil, cfg.Bundles == nil, cfg.Fleet == nil:
		return nil, errors.New("engine: Store, Driver, Bundles and Fleet must be set")
	case cfg.BlobDir == "":
		return nil, errors.New("engine: BlobDir must be set")
	}
	if cfg.Kube == nil {
		cfg.Kube = upstream{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Settings = cfg.Settings.withDefaults()
	return &Engine{
		cfg:          cfg,
		log:          cfg.Log,
		metrics:      newMetrics(cfg.Registerer),
		now:          func() time.Time { return time.Now().UTC() },
		desired:      Desired{Store: cfg.Store, Bundles: cfg.Bundles, BlobDir: cfg.BlobDir, Region: cfg.Settings.Region},
		imageTrouble: imageTrouble,
		running:      map[int64]*running{},
		clients:      map[string]client{},
	}, nil
}

func (s Settings) withDefaults() Settings {
	if s.Region == "" {
		s.Region = "RegionOne"
	}
	if s.ControlPlaneFlavor == (infra.Flavor{}) {
		s.ControlPlaneFlavor = infra.Flavor{ID: "control-plane", Name: "control-plane", Type: "general", VCPUs: 2, MemoryMB: 1536}
	}
	setDefault(&s.ControlPlaneDiskGB, 4)
	setDefault(&s.DeleteTimeout, 10*time.Minute)
	setDefault(&s.UpdateTimeout, time.Hour)
	setDefault(&s.DrainTimeout, 5*time.Minute)
	setDefault(&s.StallTimeout, 10*time.Minute)
	setDefault(&s.HealthInterval, 10*time.Second)
	setDefault(&s.EventRetention, 30*24*time.Hour)
	setDefault(&s.Workers, 64)
	setDefault(&s.MaxImageBytes, 8<<30)
	return s
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Run takes up what an earlier process left unfinished and works until ctx
// ends; then it waits for the steps under way to stop. Clusters are not
// touched by its end.
func (e *Engine) Run(ctx context.Context) error {
	e.removeUnreceived()
	e.removeUnusedBlobs(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { e.watchHealth(ctx) })
	wg.Go(func() { e.checkBundles(ctx) })
	wg.Go(func() { e.forgetEvents(ctx) })
	err := e.cfg.Store.Work(ctx, e.cfg.Settings.Workers, e.handle)
	wg.Wait()
	e.closeClients()
	return err
}

// checkBundles looks at every bundle once, so that the first create after a
// start does not have to wait for it. Creates look again, and report.
func (e *Engine) checkBundles(ctx context.Context) {
	versions, err := e.cfg.Bundles.Versions()
	if err != nil {
		e.log.Warn("cannot list the bundles", "error", err)
	}
	for _, version := range versions {
		if _, err := e.cfg.Bundles.Verify(ctx, version); err != nil && ctx.Err() == nil {
			e.log.Error("a bundle cannot be used", "version", version, "error", err)
		}
	}
}
