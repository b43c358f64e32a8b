package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Progress is what waiting sees of an operation.
type Progress struct {
	Contents string // the event's, "" before the first step
}

// FailedError is an operation that ended as failed.
type FailedError struct {
	What    string // what Cluster names; "" is a cluster
	Cluster string
	Status  string
	Reason  string
}

// Error names the cluster, its status and the service's reason.
func (e *FailedError) Error() string {
	what := e.What
	if what == "" {
		what = "cluster"
	}
	return fmt.Sprintf("%s %s is %s: %s", what, e.Cluster, e.Status, e.Reason)
}

const (
	pollEvery = 200 * time.Millisecond
	// patience bounds how long the service may be away while we wait: its
	// restart disturbs no operation.
	patience = time.Minute
)

// WaitCreated follows a create operation until the cluster is complete, and
// tells seen of each change. A cluster that fails is a *FailedError.
func (c *Client) WaitCreated(ctx context.Context, uuid string, seen func(Progress)) (Cluster, error) {
	var done Cluster
	err := c.follow(ctx, uuid, "CLUSTER_CREATE", seen, func() (bool, error) {
		cl, err := c.Cluster(ctx, uuid)
		if err != nil {
			if StatusOf(err) == http.StatusNotFound {
				return true, &FailedError{Cluster: uuid, Status: "gone", Reason: "it was deleted while it was being created"}
			}
			return false, err
		}
		done = cl
		switch cl.Status {
		case "CREATE_IN_PROGRESS":
			return false, nil
		case "CREATE_FAILED", "DELETE_IN_PROGRESS", "DELETE_FAILED":
			return true, &FailedError{Cluster: cl.Name, Status: cl.Status, Reason: cl.StatusReason}
		}
		return true, nil
	})
	return done, err
}

// WaitDeleted follows a delete operation until the cluster is gone, and tells
// seen of each change.
func (c *Client) WaitDeleted(ctx context.Context, uuid string, seen func(Progress)) error {
	return c.follow(ctx, uuid, "CLUSTER_DELETE", seen, func() (bool, error) {
		cl, err := c.Cluster(ctx, uuid)
		switch {
		case StatusOf(err) == http.StatusNotFound:
			return true, nil
		case err != nil:
			return false, err
		case cl.Status == "DELETE_FAILED":
			return true, &FailedError{Cluster: cl.Name, Status: cl.Status, Reason: cl.StatusReason}
		}
		return false, nil
	})
}

// follow polls the newest event of a type for its contents, and ended, until
// it says so. While the service is away it goes on trying.
func (c *Client) follow(ctx context.Context, uuid, event string, seen func(Progress), ended func() (bool, error)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var last Progress
	seen(last)
	answered := time.Now()
	for {
		// The event first: its last words must be seen before the end is.
		events, eventErr := c.Events(ctx, uuid)
		for _, e := range events { // newest first
			if e.Type == event {
				// How it failed is the cluster's status_reason; it is no progress.
				if p := (Progress{Contents: e.Contents}); p != last && p.Contents != "" && e.State != "FAIL" {
					last = p
					seen(p)
				}
				break
			}
		}
		over, err := ended()
		switch {
		case over:
			return err
		case err == nil && (eventErr == nil || StatusOf(eventErr) == http.StatusNotFound):
			answered = time.Now()
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			if err = errors.Join(err, eventErr); lasting(err) || time.Since(answered) > patience {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// lasting tells whether trying again is of no use.
func lasting(err error) bool {
	s := StatusOf(err)
	return s >= 400 && s < 500 && s != http.StatusTooManyRequests
}
