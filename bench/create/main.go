// Command create measures what a cluster costs on this host: the time of
// create, use and delete beside the bare floor of upstream's programs, and the
// memory of clusters that idle. It makes an installation of its own, which it
// removes; `hanok sweep --orphans` removes what a killed run left.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	hanok     string // program
	cacheDir  string
	version   string // Kubernetes
	runs      int
	clusters  int
	nodeRuns  int
	idle      time.Duration
	skipFloor bool
	output    string
}

func main() {
	// In the floor's machine this program is PID 1.
	if len(os.Args) > 1 && os.Args[1] == stageCommand {
		runStage()
		return
	}
	var o options
	cache := os.Getenv("HANOK_CACHE_DIR")
	if cache == "" {
		cache = "/var/cache/hanok"
	}
	flag.StringVar(&o.hanok, "hanok", "bin/hanok", "the hanok program under test")
	flag.StringVar(&o.cacheDir, "cache-dir", cache, "directory of bundles and root trees")
	flag.StringVar(&o.version, "kube-version", "v1.30.3", "Kubernetes version of the clusters")
	flag.IntVar(&o.runs, "n", 5, "runs of the floor and of create, one after the other in turn")
	flag.IntVar(&o.clusters, "clusters", 5, "clusters that idle side by side in the end; 0 leaves memory out")
	flag.IntVar(&o.nodeRuns, "nodes", 5, "runs of adding, stopping, starting and removing a node; 0 leaves them out")
	flag.DurationVar(&o.idle, "idle", time.Minute, "how long clusters idle before their memory is measured")
	flag.BoolVar(&o.skipFloor, "skip-floor", false, "leave out the bare floor")
	flag.StringVar(&o.output, "o", "table", "output: table or json")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := bench(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o *options) check() error {
	switch {
	case os.Geteuid() != 0:
		return errors.New("this makes machines on the host: run it as root")
	case o.runs < 0 || o.clusters < 0 || o.nodeRuns < 0 || o.runs+o.clusters+o.nodeRuns == 0:
		return errors.New("-n, -nodes and -clusters: nothing is left to measure")
	case o.output != "table" && o.output != "json":
		return fmt.Errorf("-o: %q is neither table nor json", o.output)
	}
	var err error
	if o.hanok, err = filepath.Abs(o.hanok); err != nil {
		return err
	}
	if _, err := os.Stat(o.hanok); err != nil {
		return fmt.Errorf("%w; build it with: make build", err)
	}
	if _, err := os.Stat(o.kubectl()); err != nil {
		return fmt.Errorf("%w; build the bundle with: %s bundle build %s", err, o.hanok, o.version)
	}
	return nil
}

func (o *options) kubectl() string {
	return filepath.Join(o.cacheDir, "bundles", o.version, "bin", "kubectl")
}

// say tells how far it is, on standard error.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// bench measures all, and prints it.
func bench(ctx context.Context, o options) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	work, err := newWorkplace()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, work.remove()) }()
	result := result{Host: thisHost(), Others: otherInstallations()}
	if len(result.Others) > 0 {
		say("warning: other installations run on this host and disturb the figures: %v", result.Others)
	}
	archive, err := probeArchive(ctx, work.images)
	if err != nil {
		return err
	}
	var bare *floor
	if !o.skipFloor && o.runs > 0 {
		if bare, err = newFloor(ctx, o, work.floor); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, bare.remove()) }()
	}
	svc, err := startService(ctx, o, work.service)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.remove()) }()

	err = svc.measure(ctx, o, bare, archive, &result)
	if err != nil {
		err = errors.Join(err, errors.New("the service's log ends:\n"+svc.logTail()))
	}
	return errors.Join(err, result.write(os.Stdout, o.output)) // what there is
}

// measure fills in the result.
func (s *service) measure(ctx context.Context, o options, bare *floor, archive string, r *result) error {
	// In turn, so that whatever else the host does hits both.
	for i := range o.runs {
		if bare != nil {
			outcome, err := bare.run(ctx)
			if err != nil {
				return fmt.Errorf("the bare floor: %w", err)
			}
			say("run %d of %d: floor %.2f s", i+1, o.runs, outcome.Ready)
			r.Floor = append(r.Floor, outcome)
		}
		c, err := s.createOnce(ctx, archive)
		if err != nil {
			return fmt.Errorf("create: %w", err)
		}
		say("run %d of %d: create %.2f s, DNS answers %.2f s, delete %.2f s", i+1, o.runs, c.Complete, c.Marks[markDNS], c.Delete)
		r.Create = append(r.Create, c)
	}
	var err error
	if o.nodeRuns > 0 {
		if r.Nodes, err = s.measureNodes(ctx, o.nodeRuns); err != nil {
			return err
		}
	}
	if o.clusters > 0 {
		r.Memory, err = s.measureMemory(ctx, o.clusters, o.idle)
	}
	return err
}

// workplace is where the bench keeps its files.
type workplace struct{ images, floor, service string }

// newWorkplace makes the directories. By their names a sweep of orphans knows
// whose they were.
func newWorkplace() (w workplace, err error) {
	for name, dir := range map[string]*string{"images": &w.images, "floor": &w.floor, "service": &w.service} {
		if *dir, err = os.MkdirTemp("", fmt.Sprintf("hanok-test-%d-bench-%s-", os.Getpid(), name)); err != nil {
			return w, errors.Join(err, w.remove())
		}
	}
	return w, nil
}

func (w workplace) remove() error {
	return errors.Join(os.RemoveAll(w.images), os.RemoveAll(w.floor), os.RemoveAll(w.service))
}
