package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// request is a GET.
type request struct {
	path, token string
	subject     string // X-Subject-Token, "" for none
	want        string // stands in the body
}

// bytes is the request as it goes over the wire.
func (r request) bytes(host string) []byte {
	text := "GET " + r.path + " HTTP/1.1\r\nHost: " + host + "\r\nX-Auth-Token: " + r.token + "\r\nOpenStack-API-Version: container-infra latest\r\n"
	if r.subject != "" {
		text += "X-Subject-Token: " + r.subject + "\r\n"
	}
	return []byte(text + "\r\n")
}

// scenario is a kind of request, of which each in turn is another one.
type scenario struct {
	name string
	make func(r *rand.Rand) request
}

// scenarios are what is measured. Projects and clusters are drawn by chance,
// each as likely as the other.
func scenarios(targets []target) []scenario {
	any := func(r *rand.Rand) (string, int, target) {
		t := targets[r.IntN(len(targets))]
		i := r.IntN(len(t.clusters))
		return t.clusters[i].UUID, i, t
	}
	return []scenario{
		{"list, page of 100", func(*rand.Rand) request {
			first := targets[0]
			last := first.clusters[min(100, len(first.clusters))-1]
			return request{path: "/v1/clusters?limit=100", token: first.token, want: last.UUID}
		}},
		{"get by id", func(r *rand.Rand) request {
			id, _, t := any(r)
			return request{path: "/v1/clusters/" + id, token: t.token, want: id}
		}},
		{"get by name", func(r *rand.Rand) request {
			id, i, t := any(r)
			return request{path: "/v1/clusters/" + t.clusters[i].Name, token: t.token, want: id}
		}},
		{"token validation", func(r *rand.Rand) request {
			_, _, t := any(r)
			return request{path: "/identity/v3/auth/tokens", token: t.token, subject: t.token, want: t.clusters[0].ProjectID}
		}},
	}
}

// measurement is one kind of request at one number of connections.
type measurement struct {
	Name        string        `json:"name"`
	Connections int           `json:"connections"`
	Requests    int           `json:"requests"`
	Rate        float64       `json:"requests_per_second"`
	P50         time.Duration `json:"p50_ns"`
	P99         time.Duration `json:"p99_ns"`
	Max         time.Duration `json:"max_ns"`
	// CPU is the service's CPU time per request: what is left of the figures
	// where other programs take their part of the machine.
	CPU time.Duration `json:"cpu_ns_per_request"`
}

// measure sends requests over some connections, on each the next as soon as
// the answer to the last is read and checked.
func measure(ctx context.Context, svc *service, s scenario, connections int, duration time.Duration) (measurement, error) {
	if _, err := drive(ctx, svc.address, s, connections, duration/5); err != nil { // warm up
		return measurement{}, err
	}
	cpuBefore, err := svc.cpu()
	if err != nil {
		return measurement{}, err
	}
	begun := time.Now()
	all, err := drive(ctx, svc.address, s, connections, duration)
	if err != nil {
		return measurement{}, err
	}
	took := time.Since(begun)
	cpuAfter, err := svc.cpu()
	if err != nil {
		return measurement{}, err
	}
	slices.Sort(all)
	n := len(all)
	return measurement{
		Name: s.name, Connections: connections, Requests: n, Rate: float64(n) / took.Seconds(),
		P50: all[n/2], P99: all[n*99/100], Max: all[n-1],
		CPU: (cpuAfter - cpuBefore) / time.Duration(n),
	}, nil
}

// drive gives the latencies of all requests.
func drive(ctx context.Context, address string, s scenario, connections int, duration time.Duration) ([]time.Duration, error) {
	var wg sync.WaitGroup
	latencies := make([][]time.Duration, connections)
	errs := make([]error, connections)
	deadline := time.Now().Add(duration)
	for i := range connections {
		wg.Go(func() {
			c, err := dial(ctx, address)
			if err != nil {
				errs[i] = err
				return
			}
			defer c.Close()
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for time.Now().Before(deadline) && ctx.Err() == nil {
				req := s.make(r)
				text := req.bytes(address)
				begun := time.Now()
				body, err := c.ask(text)
				if err != nil {
					errs[i] = err
					return
				}
				latencies[i] = append(latencies[i], time.Since(begun))
				if !strings.Contains(body, req.want) {
					errs[i] = fmt.Errorf("the answer to %s holds no %s: %.300s", req.path, req.want, body)
					return
				}
			}
		})
	}
	wg.Wait()
	all := slices.Concat(latencies...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.Join(errors.New("no request was answered"), ctx.Err())
	}
	return all, nil
}

// conn is a connection that stays open. It is lean because it takes its time
// from the same CPUs as the service.
type conn struct {
	net.Conn
	r    *bufio.Reader
	body []byte
}

func dial(ctx context.Context, address string) (*conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, r: bufio.NewReaderSize(c, 64<<10)}, nil
}

// ask sends a request and reads the answer, which must be a 200.
func (c *conn) ask(text []byte) (body string, err error) {
	if _, err := c.Write(text); err != nil {
		return "", err
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if n := res.ContentLength; n >= 0 {
		c.body = slices.Grow(c.body[:0], int(n))[:n]
		_, err = io.ReadFull(res.Body, c.body)
	} else {
		c.body, err = io.ReadAll(res.Body)
	}
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the answer is %s: %.300s", res.Status, c.body)
	}
	return string(c.body), nil
}

// once sends one request on a connection of its own.
func once(ctx context.Context, address string, r request) (body string, err error) {
	c, err := dial(ctx, address)
	if err != nil {
		return "", err
	}
	defer c.Close()
	return c.ask(r.bytes(address))
}
