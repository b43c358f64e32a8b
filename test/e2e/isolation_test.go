package e2e

import (
	"testing"
	"time"
)

// Two clusters of two projects with the same subnet range stand side by side
// and do not see each other.
func TestProjectsWithTheSameRange(t *testing.T) {
	t.Parallel()
	s := startService(t)
	other := s.newProject(t, "other")
	type made struct {
		c  *cluster
		in *service
	}
	a, b := made{s.begin(t, s.request("same")), s}, made{other.begin(t, other.request("same")), other}
	for _, m := range []made{a, b} {
		m.in.await(t, m.c.uuid, "CREATE_COMPLETE", 90*time.Second)
		m.c.fetchKubeconfig(t)
	}
	subnetA, subnetB := a.c.show(t).NodeAddresses, b.c.show(t).NodeAddresses
	if subnetA[0] != subnetB[0] {
		// Only one address that both have tells the networks apart.
		t.Fatalf("the nodes have %v and %v, want the same address in both projects", subnetA, subnetB)
	}
	// By the API: another project's cluster is not there.
	for _, m := range []struct{ see, cluster made }{{a, b}, {b, a}} {
		status, _, body := s.api(t, "GET", "/v1/clusters/"+m.cluster.c.uuid, m.see.in.token(t), nil)
		if status != 404 {
			t.Errorf("project %s sees cluster of %s: %d %s", m.see.in.Project, m.cluster.in.Project, status, body)
		}
		status, _, _ = s.api(t, "DELETE", "/v1/clusters/"+m.cluster.c.uuid, m.see.in.token(t), nil)
		if status != 404 {
			t.Errorf("project %s may delete a cluster of %s: %d", m.see.in.Project, m.cluster.in.Project, status)
		}
	}
	// By the network: the same address is another machine on each side.
	for _, m := range []made{a, b} {
		m.in.loadProbe(t, m.c)
		m.c.run(t, "-n", "default", "run", "probe", "--image="+probeImage, "--restart=Never", "--command", "--", "/probe", "serve")
		m.c.run(t, "-n", "default", "wait", "--for=condition=Ready", "pod/probe", "--timeout=60s")
	}
	kubelet := func(m made) string {
		return m.c.run(t, "-n", "default", "exec", "probe", "--", "/probe", "tls", m.c.show(t).NodeAddresses[0]+":10250")
	}
	if x, y := kubelet(a), kubelet(b); x == y {
		t.Errorf("both clusters reach the same kubelet %s", x)
	}
	for _, m := range []made{a, b} {
		if got := len(m.c.nodes(t).Items); got != 1 {
			t.Errorf("cluster of %s has %d nodes", m.in.Project, got)
		}
		m.in.delete(t, m.c.uuid)
	}
}
