package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/machine"
)

// apiServer is the name of the API server's process in a member's state.
const apiServer = "kube-apiserver"

// Pauses of the waits: a report from the agent ends them early.
const (
	readyPause = 20 * time.Millisecond
	waitSlice  = 500 * time.Millisecond
	// unheardPause is between two questions to an API server whose agent does
	// not say that it is ready.
	unheardPause = 3 * time.Second
)

// awaitControlPlane waits until the API answers through the endpoint.
func (o *operation) awaitControlPlane(ctx context.Context) error {
	const step = "control-plane"
	members, err := o.nodes(ctx, hanok.RoleMaster)
	if err != nil {
		return err
	}
	_, client, err := o.kube(ctx)
	if err != nil {
		return err
	}
	o.progress.say(step, "waiting for the machine")
	stall := o.e.newStall()
	lastAsked := time.Now()
	for {
		err := errNotReported
		// A machine that is not up swallows the first packet, and the second
		// comes a second later: so the agent is heard before the API is asked.
		// An agent that cannot be heard must not be the end of it, though.
		if o.awaitReport(ctx, members, apiServerReady) || time.Since(lastAsked) > unheardPause {
			ask, cancel := context.WithTimeout(ctx, time.Second)
			err = client.Ready(ask)
			cancel()
			lastAsked = time.Now()
		}
		if err == nil {
			return nil
		}
		trouble, ahead := o.look(members)
		if err := stall.check(trouble, ahead, err); err != nil {
			return err
		}
		o.progress.say(step, joinNonEmpty("waiting for the API server", trouble))
		if err := sleep(ctx, readyPause); err != nil {
			return err
		}
	}
}

var errNotReported = errors.New("the agent does not report that the API server is ready")

// awaitReport waits a moment for one of the machines to fulfil a condition.
func (o *operation) awaitReport(ctx context.Context, nodes []hanok.Node, fulfilled func(machine.Report) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, waitSlice)
	defer cancel()
	if len(nodes) == 1 {
		return o.e.cfg.Fleet.Wait(ctx, nodes[0].Key, fulfilled) == nil
	}
	done := make(chan error, len(nodes))
	for _, n := range nodes {
		go func() { done <- o.e.cfg.Fleet.Wait(ctx, n.Key, fulfilled) }()
	}
	for range nodes {
		if <-done == nil {
			return true
		}
	}
	return false
}

func apiServerReady(r machine.Report) bool {
	return slices.ContainsFunc(r.Processes, func(p machine.ProcessReport) bool {
		return p.Name == apiServer && p.State == machine.ProcessReady
	})
}

// awaitNodes waits until Kubernetes says of every worker that it is Ready.
func (o *operation) awaitNodes(ctx context.Context) error {
	workers, err := o.nodes(ctx, hanok.RoleWorker)
	if err != nil {
		return err
	}
	return o.awaitReady(ctx, "nodes", workers)
}

// awaitAddedNodes waits for the nodes that the operation adds.
func (o *operation) awaitAddedNodes(ctx context.Context) error {
	nodes, err := o.added(ctx)
	if err != nil {
		return err
	}
	return o.awaitReady(ctx, "nodes", nodes)
}

func (o *operation) awaitReady(ctx context.Context, step string, workers []hanok.Node) error {
	_, client, err := o.kube(ctx)
	if err != nil {
		return err
	}
	names := make([]string, len(workers))
	for i, n := range workers {
		names[i] = n.Name
	}
	stall := o.e.newStall()
	ready := 0
	o.progress.say(step, fmt.Sprintf("%d of %d Ready", ready, len(names)))
	for {
		slice, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := client.WaitNodesReady(slice, names)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if states, err := client.Nodes(ctx); err == nil {
			ready = 0
			for _, s := range states {
				if s.Ready && slices.Contains(names, s.Name) {
					ready++
				}
			}
		}
		trouble, ahead := o.look(workers)
		if running := o.runningScripts(workers); running != "" {
			stall.since = o.e.now()
			trouble = joinNonEmpty(running, trouble)
		}
		if err := stall.check(trouble, ahead+ready, err); err != nil {
			return err
		}
		o.progress.say(step, joinNonEmpty(fmt.Sprintf("%d of %d Ready", ready, len(names)), trouble))
	}
}

// look tells what the agents of some machines complain of, and a number that
// grows as the machines get ahead.
func (o *operation) look(nodes []hanok.Node) (trouble string, ahead int) {
	var troubles []string
	for _, n := range nodes {
		r, _, ok := o.e.cfg.Fleet.Report(n.Key)
		if !ok {
			troubles = append(troubles, n.Name+" has not reported yet")
			continue
		}
		ahead += 1 + len(r.Images)
		if r.Applied {
			ahead++
		}
		if r.Error != "" {
			troubles = append(troubles, n.Name+": "+r.Error)
		}
		for _, p := range r.Processes {
			if p.State == machine.ProcessReady {
				ahead++
			} else if p.Restarts > 0 {
				troubles = append(troubles, fmt.Sprintf("%s: %s ended %d times, last with %s", n.Name, p.Name, p.Restarts, p.LastExit))
			}
		}
	}
	return strings.Join(troubles, "; "), ahead
}

// stall ends a wait in which nothing gets ahead any more. A process that
// starts and ends over and over is no progress.
type stall struct {
	e     *Engine
	since time.Time
	best  int
}

func (e *Engine) newStall() *stall { return &stall{e: e, since: e.now()} }

// check gives an error when for the whole StallTimeout nothing has got
// further than it ever was; it says what is wrong by what the machines
// report, or else by err.
func (s *stall) check(trouble string, ahead int, err error) error {
	now := s.e.now()
	if ahead > s.best {
		s.best, s.since = ahead, now
	}
	waited := now.Sub(s.since)
	if waited < s.e.cfg.Settings.StallTimeout {
		return nil
	}
	if trouble == "" && err != nil {
		trouble = err.Error()
	}
	return errors.New(joinNonEmpty(fmt.Sprintf("nothing has moved for %v", waited.Round(time.Second)), trouble))
}

func joinNonEmpty(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}
