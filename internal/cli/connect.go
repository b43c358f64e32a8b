package cli

import (
	"context"

	"github.com/hanok/hanok/internal/client"
)

// connect makes a client from the OS_* variables.
func connect(e env) (*client.Client, error) {
	o, err := client.OptionsFromEnv(e.getenv)
	if err != nil {
		return nil, usageError{err}
	}
	o.UserAgent = "hanok/" + version()
	return client.New(o)
}

// connectTo makes a client and finds a cluster with it, by name or UUID.
func connectTo(ctx context.Context, e env, cluster string) (*client.Client, client.Cluster, error) {
	c, err := connect(e)
	if err != nil {
		return nil, client.Cluster{}, err
	}
	cl, err := c.Cluster(ctx, cluster)
	return c, cl, err
}

// connectToGroup also finds a node group of the cluster, by name or UUID; ""
// is the default worker group.
func connectToGroup(ctx context.Context, e env, cluster, group string) (c *client.Client, cl client.Cluster, g client.NodeGroup, err error) {
	if c, cl, err = connectTo(ctx, e, cluster); err != nil {
		return c, cl, g, err
	}
	if group != "" {
		g, err = c.NodeGroup(ctx, cl.UUID, group)
		return c, cl, g, err
	}
	groups, err := c.NodeGroups(ctx, cl.UUID)
	if err != nil {
		return c, cl, g, err
	}
	for _, g := range groups {
		if g.IsDefault {
			return c, cl, g, nil
		}
	}
	return c, cl, g, usagef("the cluster has no default worker group: name one with --nodegroup")
}
