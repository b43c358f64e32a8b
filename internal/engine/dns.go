package engine

import (
	"context"
	"slices"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/kube"
)

// CoreDNS follows the nodes of its cluster: a second replica as soon as there
// is a second node, and one alone where one node remains. It comes with the
// nodes that join and goes after those that leave, so that an eviction never
// takes the last one that serves. All of it is best effort: no operation fails
// for it, and the next one makes good.

// dnsPatience bounds the calls, dnsServes the wait for a second replica.
const (
	dnsPatience = 10 * time.Second
	dnsServes   = 30 * time.Second
)

// dnsStep fits CoreDNS to the cluster once nodes have come or gone.
func dnsStep(after string) step {
	return step{name: "dns", title: "cluster DNS", after: []string{after}, run: (*operation).fitDNS}
}

// fitDNS scales CoreDNS to the nodes that run.
func (o *operation) fitDNS(ctx context.Context) error {
	return o.scaleDNS(ctx, groupInput{})
}

// fitDNSToRolling scales CoreDNS to the nodes that are going to be renewed,
// their buffers and the others, and waits for the second replica: the first
// node that is drained may have the other.
func (o *operation) fitDNSToRolling(ctx context.Context) error {
	in, err := readInput(o.event)
	if err != nil {
		return err
	}
	if err := o.scaleDNS(ctx, in); err != nil {
		return err
	}
	workers, err := o.nodes(ctx, hanok.RoleWorker)
	if err != nil {
		return err
	}
	workers = slices.DeleteFunc(workers, func(n hanok.Node) bool { return n.Status != hanok.NodeActive })
	if len(workers) < 2 {
		return nil // after a crash in the rolling: the second has no place to go
	}
	_, client, err := o.kube(ctx)
	if err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, dnsServes)
	defer cancel()
	return o.unlessEnded(ctx, client.WaitDNS(limit))
}

func (o *operation) scaleDNS(ctx context.Context, renewed groupInput) error {
	_, client, err := o.kube(ctx)
	if err != nil {
		return err
	}
	err = o.insistFor(ctx, min(dnsPatience, o.e.cfg.Settings.DrainTimeout), "dns", func(ctx context.Context) error {
		for scaled := 0; ; {
			workers, err := o.nodes(ctx, hanok.RoleWorker)
			if err != nil {
				return err
			}
			states, err := client.Nodes(ctx)
			if err != nil {
				return err
			}
			// Groups change side by side: whoever scales last has to have
			// counted last.
			want := dnsReplicas(workers, states, renewed)
			if want == scaled {
				return nil
			}
			if err := client.ScaleDNS(ctx, want); err != nil {
				return err
			}
			scaled = want
		}
	})
	return o.unlessEnded(ctx, err)
}

// dnsReplicas counts the nodes that run, or are off only to be renewed, and
// take CoreDNS. Where the rolling empties all of them at once, a second
// replica would keep the first from leaving and have no place to go.
func dnsReplicas(workers []hanok.Node, states []kube.NodeState, renewed groupInput) int {
	staying, rolling := 0, 0
	for _, n := range workers {
		tainted := slices.ContainsFunc(states, func(s kube.NodeState) bool { return s.Name == n.Name && s.Tainted })
		switch {
		case tainted:
		case slices.Contains(renewed.Nodes, n.Key):
			rolling++
		case n.Status == hanok.NodeActive:
			staying++
		}
	}
	if staying == 0 && rolling <= max(1, renewed.Parallel) {
		return kube.DNSReplicas(1)
	}
	return kube.DNSReplicas(staying + rolling)
}

// unlessEnded logs what went wrong with CoreDNS; only the operation's own end
// ends the step.
func (o *operation) unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		o.log.Warn("CoreDNS does not follow the nodes of its cluster; the next operation on them tries again", "error", err)
	}
	return nil
}
