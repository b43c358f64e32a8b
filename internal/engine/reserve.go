package engine

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/store"
)

// endpointKey is hanok's own name of a cluster's endpoint.
func endpointKey(clusterUUID string) string { return "api-" + clusterUUID }

// reserveAll reserves the endpoint and an address for each machine, and puts
// the control plane's addresses behind the endpoint: machines come later.
func (o *operation) reserveAll(ctx context.Context) error {
	c, spec, err := o.clusterSpec(ctx)
	if err != nil {
		return err
	}
	nodes, err := o.nodes(ctx, "")
	if err != nil {
		return err
	}
	driver, say := o.e.cfg.Driver, o.sayer("reserve")
	var endpoint infra.Endpoint
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := driverPatience.retry(gctx, say, func(ctx context.Context) (err error) {
			endpoint, err = driver.CreateEndpoint(ctx, infra.EndpointSpec{
				Key: endpointKey(c.UUID), ClusterUUID: c.UUID, ProjectID: c.ProjectID,
				Subnet: spec.Subnet, Public: spec.Public, Port: apiPort,
			})
			return err
		})
		if err != nil {
			return fmt.Errorf("API endpoint: %w", err)
		}
		return nil
	})
	for i := range nodes {
		if nodes[i].PortID != "" && nodes[i].Address != "" {
			continue
		}
		g.Go(func() error { return o.reservePort(gctx, &nodes[i], spec) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	members, err := endpointMembers(nodes)
	if err != nil {
		return err
	}
	err = driverPatience.retry(ctx, say, func(ctx context.Context) error {
		return driver.SetEndpointMembers(ctx, endpoint.ID, members)
	})
	if err != nil {
		return fmt.Errorf("members of the API endpoint: %w", err)
	}
	return o.update(ctx, func(tx store.Tx, _ *hanok.Event) error {
		return o.recordReserved(tx, endpoint, nodes)
	})
}

// reserveAdded reserves an address for each node that the operation adds.
func (o *operation) reserveAdded(ctx context.Context) error {
	_, spec, err := o.clusterSpec(ctx)
	if err != nil {
		return err
	}
	nodes, err := o.added(ctx)
	if err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	for _, n := range nodes {
		if n.PortID != "" && n.Address != "" {
			continue
		}
		g.Go(func() error {
			if err := o.reservePort(gctx, &n, spec); err != nil {
				return err
			}
			return o.recordNode(gctx, n.Key, func(now *hanok.Node) { now.PortID, now.Address = n.PortID, n.Address })
		})
	}
	return g.Wait()
}

func (o *operation) reservePort(ctx context.Context, n *hanok.Node, spec ClusterSpec) error {
	err := driverPatience.retry(ctx, o.sayer("reserve"), func(ctx context.Context) error {
		port, err := o.e.cfg.Driver.CreatePort(ctx, infra.PortSpec{
			Key: n.Key, ClusterUUID: n.ClusterUUID, ProjectID: n.ProjectID,
			Subnet: spec.Subnet, ControlPlane: n.Role == hanok.RoleMaster,
		})
		if err == nil {
			n.PortID, n.Address = port.ID, port.Address.String()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("address of %s: %w", n.Name, err)
	}
	return nil
}

func (o *operation) recordReserved(tx store.Tx, endpoint infra.Endpoint, nodes []hanok.Node) error {
	now := o.e.now()
	for _, n := range nodes {
		n.UpdatedAt = now
		if err := tx.PutNode(n); err != nil {
			return err
		}
	}
	c, err := tx.Cluster(o.event.ClusterUUID)
	if err != nil {
		return err
	}
	c.APIAddress, c.UpdatedAt = kube.ServerURL(endpoint.Address), now
	if err := tx.PutCluster(c); err != nil {
		return err
	}
	spec, err := readSpec[ClusterSpec](tx, kindClusterSpec, c.UUID)
	if err != nil {
		return err
	}
	spec.EndpointID, spec.Endpoint = endpoint.ID, endpoint.Address
	return putSpec(tx, kindClusterSpec, c.UUID, c.ProjectID, spec)
}
