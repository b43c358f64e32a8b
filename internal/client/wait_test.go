package client_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/internal/client/clienttest"
)

// watch collects what a wait sees.
func watch(seen *[]string) func(client.Progress) {
	return func(p client.Progress) {
		if p.Contents != "" {
			*seen = append(*seen, p.Contents)
		}
	}
}

func TestWaitCreated(t *testing.T) {
	t.Parallel()
	s := clienttest.New(t)
	c := connect(t, s, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	uuid, err := c.CreateCluster(ctx, []byte(`{"name":"demo"}`))
	if err != nil {
		t.Fatal(err)
	}
	s.GoAway(3) // a restart of the service is waited out
	var seen []string
	cl, err := c.WaitCreated(ctx, uuid, watch(&seen))
	if err != nil {
		t.Fatal(err)
	}
	if cl.Status != "CREATE_COMPLETE" || !slices.Equal(seen, clienttest.CreateSteps) {
		t.Errorf("ended as %s having seen %q", cl.Status, seen)
	}

	if err := c.DeleteCluster(ctx, uuid); err != nil {
		t.Fatal(err)
	}
	seen = nil
	if err := c.WaitDeleted(ctx, uuid, watch(&seen)); err != nil || len(seen) != 1 {
		t.Errorf("delete ended with %v having seen %q", err, seen)
	}
}

func TestWaitFailed(t *testing.T) {
	t.Parallel()
	s := clienttest.New(t)
	s.FailCreate = "no disk: 40 GiB wanted, 12 GiB free"
	c := connect(t, s, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	uuid, err := c.CreateCluster(ctx, []byte(`{"name":"demo"}`))
	if err != nil {
		t.Fatal(err)
	}
	var failed *client.FailedError
	var seen []string
	if _, err := c.WaitCreated(ctx, uuid, watch(&seen)); !errors.As(err, &failed) || failed.Reason != s.FailCreate {
		t.Errorf("got %v, want a failure with the reason", err)
	}
	if slices.Contains(seen, s.FailCreate) {
		t.Errorf("the reason is shown as progress: %q", seen)
	}
	if _, err := c.WaitCreated(ctx, "gone", watch(new([]string))); !errors.As(err, &failed) {
		t.Errorf("a cluster that is gone: %v, want a failure", err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := clienttest.New(t)
	c := connect(t, s, nil)
	uuid := s.AddCluster("demo") // never goes away
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if err := c.WaitDeleted(ctx, uuid, watch(new([]string))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
