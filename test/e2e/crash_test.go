package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/internal/engine"
	"github.com/hanok/hanok/test/harness"
)

// crashEnv makes the service kill itself, as kill -9 does, at a boundary.
const crashEnv = "HANOK_CRASH_AT"

// Killed at every step boundary of create and of delete, the service goes on
// when it is back, and ends with one set of machines.
func TestCrashAtEveryBoundary(t *testing.T) {
	t.Parallel()
	s := startService(t)
	for _, b := range engine.Boundaries() {
		if b.Type != hanok.ClusterCreate && b.Type != hanok.ClusterDelete {
			continue // TestCrashInGroupOperations
		}
		t.Run(b.String(), func(t *testing.T) {
			if b.Type == hanok.ClusterCreate {
				testCrashInCreate(t, s, b.String())
			} else {
				testCrashInDelete(t, s, b.String())
			}
		})
	}
}

func testCrashInCreate(t *testing.T, s *service, boundary string) {
	s.Stop(t)
	s.Start(t, crashEnv+"="+boundary)
	s.Login(t)
	c := s.begin(t, s.request("crash"))
	s.awaitCrash(t)
	s.Start(t)
	s.awaitResumed(t, c.uuid)
	s.await(t, c.uuid, "CREATE_COMPLETE", 60*time.Second)
	c.fetchKubeconfig(t)

	servers := s.serversOf(t, c.uuid)
	nodes := c.nodes(t)
	var ids, registered []string
	for _, server := range servers {
		ids = append(ids, "openstack:///"+server.ID)
	}
	for _, n := range nodes.Items {
		registered = append(registered, n.Spec.ProviderID)
	}
	slices.Sort(ids)
	slices.Sort(registered)
	if len(ids) != 1 || !slices.Equal(ids, registered) {
		t.Errorf("the API has machines %v, Kubernetes %v; want the same one", ids, registered)
	}
	// One control-plane member and one worker, and nothing beside them.
	if got := s.machines(t); got != 2 {
		t.Errorf("%d machines exist, want 2", got)
	}
	s.delete(t, c.uuid)
	if got := s.machines(t); got != 0 {
		t.Errorf("%d machines are left after the delete", got)
	}
}

func testCrashInDelete(t *testing.T, s *service, boundary string) {
	c := s.create(t, s.request("crash"))
	s.Stop(t)
	s.Start(t, crashEnv+"="+boundary)
	if err := s.Client.DeleteCluster(t.Context(), c.uuid); err != nil {
		t.Fatal(err)
	}
	s.awaitCrash(t)
	s.Start(t)
	s.gone(t, c.uuid)
	if got := s.machines(t); got != 0 {
		t.Errorf("%d machines are left", got)
	}
}

// While the service is down, clusters serve and kubectl works; a restart
// restarts nothing of theirs.
func TestClustersOutliveTheService(t *testing.T) {
	t.Parallel()
	s := startService(t)
	c := s.create(t, s.request("outlive"))
	c.run(t, "-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=60s")
	before := s.machinePIDs(t)
	s.Kill(t)
	if got := len(c.nodes(t).Items); got != 1 {
		t.Errorf("kubectl sees %d nodes while the service is down", got)
	}
	c.run(t, "create", "configmap", "written-while-down")
	s.Start(t)
	harness.Eventually(t, 10*time.Second, "the service knows the cluster", func() error {
		got, err := s.Client.Cluster(t.Context(), c.uuid)
		if err == nil && got.Status != "CREATE_COMPLETE" {
			err = errors.New(got.Status)
		}
		return err
	})
	if after := s.machinePIDs(t); !slices.Equal(before, after) {
		t.Errorf("the machines' processes changed from %v to %v", before, after)
	}
	s.delete(t, c.uuid)
}

// awaitCrash waits until the service has killed itself.
func (s *service) awaitCrash(t *testing.T) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- s.Cmd.Wait() }()
	select {
	case err := <-done:
		var exit interface{ Sys() any }
		if !errors.As(err, &exit) {
			t.Fatalf("the service ended with %v, want SIGKILL\n%s", err, s.LogTail())
		}
		if status, ok := exit.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
			t.Fatalf("the service ended with %v, want SIGKILL\n%s", err, s.LogTail())
		}
	case <-time.After(60 * time.Second):
		t.Fatalf("the service did not reach the boundary\n%s", s.LogTail())
	}
}

// awaitResumed checks that the operation is taken up within two seconds of the
// service being back, by its count of operations taken over: it begins at
// none with each process. An operation that had ended before needs none.
func (s *service) awaitResumed(t *testing.T, uuid string) {
	t.Helper()
	harness.Eventually(t, 2*time.Second, "the operation is resumed", func() error {
		status, _, metrics := s.api(t, http.MethodGet, "/metrics", "", nil)
		_, count, found := strings.Cut(metrics, "\nhanok_operations_resumed_total ")
		if status != http.StatusOK || !found {
			return fmt.Errorf("/metrics answers %d without the count", status)
		}
		if !strings.HasPrefix(count, "0\n") {
			return nil
		}
		events, err := s.Client.Events(t.Context(), uuid)
		if err != nil || len(events) == 0 {
			return fmt.Errorf("%d events, %v", len(events), err)
		}
		if events[0].State == "IN_PROGRESS" {
			return errors.New("nobody has taken it up")
		}
		return nil
	})
}

func (s *service) delete(t *testing.T, uuid string) {
	t.Helper()
	if err := s.Client.DeleteCluster(t.Context(), uuid); err != nil && client.StatusOf(err) != http.StatusNotFound {
		t.Fatal(err)
	}
	s.gone(t, uuid)
}

func (s *service) serversOf(t *testing.T, clusterUUID string) []client.Server {
	t.Helper()
	all, err := s.Client.Servers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(server client.Server) bool {
		for _, v := range server.Metadata {
			if strings.Contains(v, clusterUUID) {
				return false
			}
		}
		return true
	})
}
