package e2e

import (
	"testing"
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
	results := make(chan made, 2)
	t.Run("create", func(t *testing.T) {
		for _, in := range []*service{s, other} {
			t.Run(in.Project, func(t *testing.T) {
				t.Parallel()
				results <- made{in.create(t, in.request("same")), in}
			})
		}
	})
	close(results)
	var all []made
	for m := range results {
		all = append(all, m)
	}
	if len(all) != 2 {
		t.Fatal("not both clusters were made")
	}
	a, b := all[0], all[1]
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
	for _, m := range all {
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
	for _, m := range all {
		if got := len(m.c.nodes(t).Items); got != 1 {
			t.Errorf("cluster of %s has %d nodes", m.in.Project, got)
		}
		m.in.delete(t, m.c.uuid)
	}
}
