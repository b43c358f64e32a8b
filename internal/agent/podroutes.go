package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

const (
	nodePage     = "100"
	watchSeconds = 300
	// routesPatience is how long the API server may be away before the report
	// says so: at the start of a cluster it is.
	routesPatience = 20 * time.Second
)

// node is what the agent reads of a Kubernetes Node: two fields of many, so
// a page of nodes takes little memory.
type node struct {
	Metadata struct {
		Name            string `json:"name"`
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
	Spec struct {
		PodCIDR string `json:"podCIDR"`
	} `json:"spec"`
	Status struct {
		Addresses []struct {
			Type    string `json:"type"`
			Address string `json:"address"`
		} `json:"addresses"`
	} `json:"status"`
}

// podRoute is the way to the pods of one node.
type podRoute struct {
	pods netip.Prefix
	via  netip.Addr
}

// keepPodRoutes follows the cluster's nodes and keeps a route to the pods of
// each, until ctx ends. Routes stay when it returns: connections go on while
// the agent replaces itself or the API server is away.
func (a *agent) keepPodRoutes(ctx context.Context, p machine.PodRoutes) {
	var pause backoff
	since := time.Now()
	for ctx.Err() == nil {
		err := a.followNodes(ctx, p, func() {
			pause.reset()
			since = time.Now()
			a.status.clear("pod routes")
			a.status.mark("pod_routes")
		})
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			since = time.Now()
			continue // the watch ended as it does now and then
		}
		a.log.Debug("nodes cannot be watched; trying again", "server", p.Server, "err", err)
		if time.Since(since) > routesPatience {
			a.status.fail("pod routes", err)
		}
		pause.wait(ctx)
	}
}

// followNodes lists the nodes, calls synced when the routes fit them, and
// watches until the watch ends.
func (a *agent) followNodes(ctx context.Context, p machine.PodRoutes, synced func()) error {
	conf, err := a.clientTLS(p.CAPath, p.CertPath, p.KeyPath)
	if err != nil {
		return err
	}
	w := &nodeWatch{client: httpClient(conf), server: strings.TrimSuffix(p.Server, "/"), routes: make(map[string]podRoute)}
	defer w.client.CloseIdleConnections()
	if p.PodCIDR != "" {
		if w.within, err = netip.ParsePrefix(p.PodCIDR); err != nil {
			return fmt.Errorf("pod_cidr: %w", err)
		}
	}
	version, err := w.list(ctx)
	if err != nil {
		return err
	}
	if err := syncRoutes(p.Interface, w.routes); err != nil {
		return err
	}
	synced()
	return w.watch(ctx, version, func() error { return syncRoutes(p.Interface, w.routes) })
}

// nodeWatch lists and watches nodes with as little as that needs.
type nodeWatch struct {
	client *http.Client
	server string
	within netip.Prefix // routes outside are refused; invalid: all are allowed
	routes map[string]podRoute
}

// list reads all nodes, page by page, and gives the version to watch from.
func (w *nodeWatch) list(ctx context.Context) (version string, err error) {
	query := url.Values{"limit": {nodePage}}
	for {
		var page struct {
			Metadata struct {
				ResourceVersion string `json:"resourceVersion"`
				Continue        string `json:"continue"`
			} `json:"metadata"`
			Items []node `json:"items"`
		}
		body, err := w.get(ctx, query)
		if err != nil {
			return "", err
		}
		err = json.NewDecoder(body).Decode(&page)
		drain(body)
		if err != nil {
			return "", fmt.Errorf("list of nodes: %w", err)
		}
		for _, n := range page.Items {
			w.set(n)
		}
		if page.Metadata.Continue == "" {
			return page.Metadata.ResourceVersion, nil
		}
		query.Set("continue", page.Metadata.Continue)
	}
}

// watch follows changes from a version on and calls changed when a route is
// another. nil means that the watch ended in order.
func (w *nodeWatch) watch(ctx context.Context, version string, changed func() error) error {
	ctx, cancel := context.WithTimeout(ctx, (watchSeconds+30)*time.Second)
	defer cancel()
	body, err := w.get(ctx, url.Values{
		"watch":               {"1"},
		"resourceVersion":     {version},
		"allowWatchBookmarks": {"true"},
		"timeoutSeconds":      {fmt.Sprint(watchSeconds)},
	})
	if err != nil {
		return err
	}
	defer body.Close()
	events := json.NewDecoder(body)
	for {
		var event struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		if err := events.Decode(&event); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("watch of nodes: %w", err)
		}
		var n node
		if event.Type == "ERROR" {
			return fmt.Errorf("watch of nodes: the API server says %.300s", event.Object)
		}
		if err := json.Unmarshal(event.Object, &n); err != nil {
			return fmt.Errorf("watch of nodes: %w", err)
		}
		different := false
		switch event.Type {
		case "ADDED", "MODIFIED":
			different = w.set(n)
		case "DELETED":
			different = w.remove(n.Metadata.Name)
		}
		if different {
			if err := changed(); err != nil {
				return err
			}
		}
	}
}

func (w *nodeWatch) get(ctx context.Context, query url.Values) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.server+"/api/v1/nodes?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer drain(resp.Body)
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		return nil, fmt.Errorf("nodes: the API server answers %s: %s", resp.Status, text)
	}
	return resp.Body, nil
}

// set takes the route of a node, and tells whether it is another than before.
func (w *nodeWatch) set(n node) bool {
	r, ok := w.routeOf(n)
	if !ok {
		return w.remove(n.Metadata.Name)
	}
	if w.routes[n.Metadata.Name] == r {
		return false
	}
	w.routes[n.Metadata.Name] = r
	return true
}

func (w *nodeWatch) remove(name string) bool {
	_, known := w.routes[name]
	delete(w.routes, name)
	return known
}

// routeOf gives the route of a node that has a pod subnet and an address. A
// Node object is the tenant's to write: a subnet outside the pod network
// would lead the control plane's own traffic astray, so it gets no route.
func (w *nodeWatch) routeOf(n node) (podRoute, bool) {
	pods, err := netip.ParsePrefix(n.Spec.PodCIDR)
	if err != nil || pods.Bits() == 0 {
		return podRoute{}, false
	}
	pods = pods.Masked()
	if w.within.IsValid() && (!w.within.Contains(pods.Addr()) || pods.Bits() < w.within.Bits()) {
		return podRoute{}, false
	}
	for _, address := range n.Status.Addresses {
		via, err := netip.ParseAddr(address.Address)
		if address.Type == "InternalIP" && err == nil && via.Is4() == pods.Addr().Is4() {
			return podRoute{pods: pods, via: via}, true
		}
	}
	return podRoute{}, false
}
