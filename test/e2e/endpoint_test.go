package e2e

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/local/network"
	"github.com/hanok/hanok/test/harness"
)

// Everything names the endpoint and nothing a member: with another member
// behind the endpoint (here one that passes everything on to the first, and
// counts) kubectl works and kubelets go on to report.
func TestMemberMovesBehindTheEndpoint(t *testing.T) {
	t.Parallel()
	s := startService(t)
	c := s.create(t, s.request("moves"))
	uuid := c.uuid
	subnet := s.subnet(t)
	s.Kill(t) // the networks are ours while it is down

	ctx := t.Context()
	m, err := network.Open(ctx, network.Config{
		StateDir: s.Dir, InstallationID: s.Installation(), AgentPort: 9512, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := m.EndpointByKey(ctx, "api-"+uuid)
	if err != nil {
		t.Fatal(err)
	}
	port, err := m.CreatePort(ctx, infra.PortSpec{Key: "second-member", ClusterUUID: uuid, Subnet: subnet, ControlPlane: true})
	if err != nil {
		t.Fatal(err)
	}
	path, err := m.AttachMachine(ctx, "second-member", []string{port.ID})
	if err != nil {
		t.Fatal(err)
	}
	var passed atomic.Int64
	forward(t, path, s.memberAddress(t), &passed)
	if err := m.SetEndpointMembers(ctx, endpoint.ID, []netip.AddrPort{netip.AddrPortFrom(port.Address, 6443)}); err != nil {
		t.Fatal(err)
	}

	node := c.nodes(t).Items[0].Metadata.Name
	if passed.Load() == 0 {
		t.Error("kubectl did not come by the new member")
	}
	heartbeat := func() string {
		// The kubelet makes its lease a moment after it registered the node.
		out, _ := c.try("-n", "kube-node-lease", "get", "lease", node, "-o", "jsonpath={.spec.renewTime}")
		return out
	}
	first := heartbeat()
	harness.Eventually(t, 30*time.Second, "the kubelet reports by the new member", func() error {
		if now := heartbeat(); now == first || !strings.Contains(now, "Z") {
			return fmt.Errorf("the lease is still of %s", now)
		}
		return nil
	})
	// kubelet, kube-proxy and flanneld were cut from the old member and came back.
	if n := passed.Load(); n < 4 {
		t.Errorf("only %d connections came by the new member", n)
	}
}

// forward passes connections to port 6443 of a namespace on to a member.
func forward(t *testing.T, namespace, to string, passed *atomic.Int64) {
	t.Helper()
	listener := within(t, namespace, func() (net.Listener, error) { return net.Listen("tcp", ":6443") })
	t.Cleanup(func() { listener.Close() })
	dial := make(chan chan net.Conn)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go inNamespace(namespace, func() {
		for {
			select {
			case <-ctx.Done():
				return
			case answer := <-dial:
				conn, err := net.DialTimeout("tcp", to, 5*time.Second)
				if err != nil {
					conn = nil
				}
				answer <- conn
			}
		}
	})
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			answer := make(chan net.Conn)
			dial <- answer
			out := <-answer
			if out == nil {
				in.Close()
				continue
			}
			passed.Add(1)
			pipe := func(to, from net.Conn) {
				_, _ = io.Copy(to, from)
				to.Close()
			}
			go pipe(in, out)
			go pipe(out, in)
		}
	}()
}

// within calls open in a network namespace.
func within[T any](t *testing.T, namespace string, open func() (T, error)) T {
	t.Helper()
	type result struct {
		v   T
		err error
	}
	done := make(chan result)
	go func() {
		err := inNamespace(namespace, func() {
			v, err := open()
			done <- result{v, err}
		})
		if err != nil {
			done <- result{err: err}
		}
	}()
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.v
}

// inNamespace runs f in a network namespace, on a thread that ends with it.
func inNamespace(path string, f func()) error {
	lockThread()
	ns, err := netns.GetFromPath(path)
	if err != nil {
		return err
	}
	defer ns.Close()
	if err := netns.Set(ns); err != nil {
		return err
	}
	f()
	return nil
}

// memberAddress is the address and port of the cluster's control-plane member.
func (s *service) memberAddress(t *testing.T) string {
	t.Helper()
	for id := range s.RuncList(t) {
		out := s.inMachine(t, id, "ip", "-4", "-o", "addr", "show", "dev", "eth0")
		for _, field := range strings.Fields(out) {
			if p, err := netip.ParsePrefix(field); err == nil && strings.HasPrefix(field, "198.18.") {
				return net.JoinHostPort(p.Addr().String(), "6443")
			}
		}
	}
	t.Fatal("no machine has an address of the service's range")
	return ""
}
