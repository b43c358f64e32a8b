package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hanok/hanok/internal/client"
)

// created is what one cluster gave from its create request to its end, in
// seconds.
type created struct {
	Complete float64            `json:"complete"` // POST to CREATE_COMPLETE
	Steps    map[string]float64 `json:"steps"`    // how long each step of the operation took
	Boot     map[string]float64 `json:"boot"`     // moments in the machines, since the POST
	Marks    map[string]float64 `json:"marks"`    // timeToK8s, since the POST
	Delete   float64            `json:"delete"`   // DELETE to 404
	Undo     map[string]float64 `json:"delete_steps"`
}

// createOnce makes a cluster, uses it, and deletes it.
func (s *service) createOnce(ctx context.Context, archive string) (c created, err error) {
	before, err := s.stepTimes(ctx, "CLUSTER_CREATE")
	if err != nil {
		return c, err
	}
	begun := time.Now()
	uuid, err := s.create(ctx)
	if err != nil {
		return c, err
	}
	c.Complete = time.Since(begun).Seconds()
	if c.Marks, err = s.timeToK8s(ctx, uuid, begun, archive); err != nil {
		return c, err
	}
	after, err := s.stepTimes(ctx, "CLUSTER_CREATE")
	if err != nil {
		return c, err
	}
	c.Steps = less(after, before)
	if c.Boot, err = bootMarks(s.id, begun); err != nil {
		return c, err
	}
	if before, err = s.stepTimes(ctx, "CLUSTER_DELETE"); err != nil {
		return c, err
	}
	begun = time.Now()
	if err := s.delete(ctx, uuid); err != nil {
		return c, err
	}
	c.Delete = time.Since(begun).Seconds()
	if after, err = s.stepTimes(ctx, "CLUSTER_DELETE"); err != nil {
		return c, err
	}
	c.Undo = less(after, before)
	return c, nil
}

// create sends the request and waits for CREATE_COMPLETE.
func (s *service) create(ctx context.Context) (uuid string, err error) {
	body, err := s.request()
	if err != nil {
		return "", err
	}
	if uuid, err = s.client.CreateCluster(ctx, body); err != nil {
		return "", err
	}
	var c client.Cluster
	err = poll(ctx, 5*time.Minute, uuid+" is CREATE_COMPLETE", func() (err error) {
		if c, err = s.client.Cluster(ctx, uuid); err != nil {
			return err
		}
		if c.Status == "CREATE_IN_PROGRESS" {
			return errors.New("it is " + c.Status)
		}
		return nil
	})
	if err == nil && c.Status != "CREATE_COMPLETE" {
		err = fmt.Errorf("the cluster is %s: %s", c.Status, c.StatusReason)
	}
	return uuid, err
}

// delete sends the request and waits until the cluster is not found.
func (s *service) delete(ctx context.Context, uuid string) error {
	if err := s.client.DeleteCluster(ctx, uuid); err != nil {
		return err
	}
	return poll(ctx, 2*time.Minute, uuid+" is gone", func() error {
		c, err := s.client.Cluster(ctx, uuid)
		if client.StatusOf(err) == http.StatusNotFound {
			return nil
		}
		return errors.Join(err, errors.New("it is "+c.Status))
	})
}
