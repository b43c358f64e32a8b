package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/hanok/hanok/internal/client"
)

// nodeRun is what the operations on one node took, in seconds, by their name:
// from the request to the end of its event, and step by step.
type nodeRun map[string]operationTime

type operationTime struct {
	Total float64            `json:"total"`
	Steps map[string]float64 `json:"steps"`
}

// nodeOperations are measured in this order, on a group of one node, which is
// one node again in the end.
var nodeOperations = []struct {
	name, event string
	begin       func(ctx context.Context, c *client.Client, cluster, youngest string) error
}{
	{"add a node", "CLUSTER_RESIZE", func(ctx context.Context, c *client.Client, cluster, _ string) error {
		return c.Resize(ctx, cluster, "", 2, nil)
	}},
	{"stop a node", "NODEGROUP_NODE_ACTION_NODE_STOP", func(ctx context.Context, c *client.Client, cluster, youngest string) error {
		return c.StopNodes(ctx, cluster, "default-worker", []string{youngest})
	}},
	{"start a node", "NODEGROUP_NODE_ACTION_NODE_START", func(ctx context.Context, c *client.Client, cluster, youngest string) error {
		return c.StartNodes(ctx, cluster, "default-worker", []string{youngest})
	}},
	{"remove a node", "CLUSTER_RESIZE", func(ctx context.Context, c *client.Client, cluster, youngest string) error {
		return c.Resize(ctx, cluster, "", 1, []string{youngest})
	}},
	{changeOfFlavor, "NODEGROUP_UPDATE_FLAVOR", func(ctx context.Context, c *client.Client, cluster, _ string) error {
		cl, err := c.Cluster(ctx, cluster)
		if err != nil {
			return err
		}
		next := "t2.c1m1" // there and back again
		if f, err := c.FindFlavor(ctx, next); err != nil {
			return err
		} else if f.ID == cl.FlavorID {
			next = "c2.c2m2"
		}
		f, err := c.FindFlavor(ctx, next)
		if err != nil {
			return err
		}
		none := 0
		return c.ChangeFlavor(ctx, cluster, "default-worker", client.FlavorChange{FlavorID: f.ID, Buffers: &none})
	}},
}

// changeOfFlavor drains the only node, without a buffer: its system pods must
// end before it is resized.
const changeOfFlavor = "change the flavor of a node"

// measureNodes times the operations on nodes of one cluster, some times over.
func (s *service) measureNodes(ctx context.Context, runs int) (all []nodeRun, err error) {
	uuid, err := s.create(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.delete(ctx, uuid)) }()
	for i := range runs {
		run := nodeRun{}
		for _, o := range nodeOperations {
			youngest, err := s.youngest(ctx, uuid)
			if err != nil {
				return nil, err
			}
			before, err := s.stepTimes(ctx, o.event)
			if err != nil {
				return nil, err
			}
			begun := time.Now()
			if err := o.begin(ctx, s.client, uuid, youngest); err != nil {
				return nil, fmt.Errorf("%s: %w", o.name, err)
			}
			if err := s.ended(ctx, uuid); err != nil {
				return nil, fmt.Errorf("%s: %w", o.name, err)
			}
			took := time.Since(begun).Seconds()
			after, err := s.stepTimes(ctx, o.event)
			if err != nil {
				return nil, err
			}
			steps := less(after, before)
			maps.DeleteFunc(steps, func(_ string, t float64) bool { return t == 0 }) // those of the type's other way
			run[o.name] = operationTime{took, steps}
			say("run %d of %d: %s %.2f s", i+1, runs, o.name, took)
		}
		all = append(all, run)
	}
	return all, nil
}

// youngest gives the UUID of the cluster's node that was made last.
func (s *service) youngest(ctx context.Context, cluster string) (string, error) {
	servers, err := s.client.Servers(ctx)
	if err != nil {
		return "", err
	}
	var last client.Server
	for _, server := range servers {
		if server.Metadata["cluster_uuid"] == cluster && server.Name >= last.Name {
			last = server
		}
	}
	if last.ID == "" {
		return "", errors.New("the cluster has no node")
	}
	return last.ID, nil
}

// ended waits until the newest operation of a cluster has ended well.
func (s *service) ended(ctx context.Context, cluster string) error {
	var newest client.Event
	err := poll(ctx, 5*time.Minute, "the operation has ended", func() error {
		events, err := s.client.Events(ctx, cluster)
		if err != nil {
			return err
		}
		if newest = events[0]; newest.State == "IN_PROGRESS" {
			return errors.New(newest.Contents)
		}
		return nil
	})
	if err == nil && newest.State != "SUCCESS" {
		err = fmt.Errorf("%s is %s: %s", newest.Type, newest.State, newest.Contents)
	}
	return err
}
