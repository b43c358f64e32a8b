package engine

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/hanok/hanok"
)

// clientLife is how long a client is used: its certificate lives a day.
const clientLife = 12 * time.Hour

// client is a cluster's API client, kept for its connection.
type client struct {
	KubeClient
	made time.Time
}

// client gives the client of a cluster whose endpoint is reserved.
func (e *Engine) client(ctx context.Context, clusterUUID string) (KubeClient, error) {
	e.mu.Lock()
	c, ok := e.clients[clusterUUID]
	e.mu.Unlock()
	if ok && e.now().Sub(c.made) < clientLife {
		return c.KubeClient, nil
	}
	facts, err := e.desired.Facts(ctx, clusterUUID)
	if err != nil {
		return nil, err
	}
	if !facts.Endpoint.IsValid() {
		return nil, hanok.Errorf(hanok.KindUnavailable, "the API endpoint of cluster %s is not reserved yet", facts.Name)
	}
	var id string
	made, err := e.cfg.Kube.Client(facts, func(ctx context.Context) (net.Conn, error) {
		// The id is looked up by key once: the driver's, not the address,
		// names the endpoint.
		e.mu.Lock()
		known := id
		e.mu.Unlock()
		if known == "" {
			endpoint, err := e.cfg.Driver.EndpointByKey(ctx, endpointKey(clusterUUID))
			if err != nil {
				return nil, err
			}
			known = endpoint.ID
			e.mu.Lock()
			id = known
			e.mu.Unlock()
		}
		return e.cfg.Driver.DialEndpoint(ctx, known)
	})
	if err != nil {
		return nil, fmt.Errorf("client of cluster %s: %w", facts.Name, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if other, ok := e.clients[clusterUUID]; ok {
		if e.now().Sub(other.made) < clientLife {
			made.Close() // another was quicker
			return other.KubeClient, nil
		}
		other.Close()
	}
	e.clients[clusterUUID] = client{made, e.now()}
	return made, nil
}

func (e *Engine) closeClient(clusterUUID string) {
	e.mu.Lock()
	c, ok := e.clients[clusterUUID]
	delete(e.clients, clusterUUID)
	e.mu.Unlock()
	if ok {
		c.Close()
	}
}

func (e *Engine) closeClients() {
	e.mu.Lock()
	clients := e.clients
	e.clients = map[string]client{}
	e.mu.Unlock()
	for _, c := range clients {
		c.Close()
	}
}
