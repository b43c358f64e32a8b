// Command api measures how fast the service answers: requests per second and
// latencies of reads over a store of a thousand clusters, and the service's
// memory. The service is a process of its own with SQLite and without
// machines; the load comes over loopback from this process, on the same CPUs.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	clusters    int
	projects    int
	duration    time.Duration // of each measurement
	connections []int
	only        *regexp.Regexp
	profile     string // file for the service's CPU profile, "" for none
	output      string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == serveCommand {
		if err := runService(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "service:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	var connections, only string
	flag.IntVar(&o.clusters, "clusters", 1000, "clusters in the store")
	flag.IntVar(&o.projects, "projects", 20, "projects that the clusters are of")
	flag.DurationVar(&o.duration, "t", 5*time.Second, "time of each measurement")
	flag.StringVar(&connections, "c", "1,16,64", "numbers of connections, comma-separated")
	flag.StringVar(&only, "run", "", "measure only the requests whose names match this expression")
	flag.StringVar(&o.profile, "profile", "", "file to write the service's CPU profile to")
	flag.StringVar(&o.output, "o", "table", "output: table or json")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := o.read(connections, only)
	if err == nil {
		err = bench(ctx, o)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// read checks the flags and takes in those that are not plain values.
func (o *options) read(connections, only string) (err error) {
	if o.only, err = regexp.Compile(only); err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	for field := range strings.SplitSeq(connections, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 || n > 1024 {
			return fmt.Errorf("-c: %q is not a number of connections from 1 to 1024", field)
		}
		o.connections = append(o.connections, n)
	}
	switch {
	case o.projects < 1 || o.clusters < largestShare*o.projects:
		return fmt.Errorf("-clusters, -projects: each project needs %d clusters", largestShare)
	case o.duration <= 0:
		return errors.New("-t: the time must be above zero")
	case o.output != "table" && o.output != "json":
		return fmt.Errorf("-o: %q is neither table nor json", o.output)
	}
	return nil
}

// bench measures all, and prints it.
func bench(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", fmt.Sprintf("hanok-test-%d-bench-api-", os.Getpid()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	targets, err := fill(ctx, dir, o)
	if err != nil {
		return fmt.Errorf("fill the store: %w", err)
	}
	svc, err := startService(ctx, dir, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.stop()) }()
	if err := svc.settle(ctx, targets[0]); err != nil {
		return err
	}
	result := result{Clusters: o.clusters, Projects: o.projects, Host: thisHost()}
	if result.MemoryIdle, err = svc.memory(); err != nil {
		return err
	}
	for _, s := range scenarios(targets) {
		if !o.only.MatchString(s.name) {
			continue
		}
		for _, n := range o.connections {
			m, err := measure(ctx, svc, s, n, o.duration)
			if err != nil {
				return fmt.Errorf("%s at %d connections: %w", s.name, n, err)
			}
			fmt.Fprintf(os.Stderr, "%-18s %2d connections: %8.0f/s\n", s.name, n, m.Rate)
			result.Measurements = append(result.Measurements, m)
		}
	}
	if result.MemoryAfter, err = svc.memory(); err != nil {
		return err
	}
	if o.output == "json" {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(result)
	}
	return result.print(os.Stdout)
}
