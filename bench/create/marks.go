package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// The marks of minikube's timeToK8s, in their order, and one more.
const (
	markCommand = "command done"
	markAPI     = "API server answers"
	markService = "kubernetes Service there"
	markDNSSvc  = "DNS Service there"
	markApp     = "app running"
	markDNS     = "DNS answers"
	markCoreDNS = "CoreDNS available" // not one of timeToK8s
)

var marksInOrder = []string{markCommand, markAPI, markService, markDNSSvc, markApp, markDNS, markCoreDNS}

const (
	patience  = time.Minute
	probePod  = "probe"
	clusterNS = "kube-system"
)

// timeToK8s uses a cluster that is just complete, one thing after the other,
// and gives the moments in seconds since begun.
func (s *service) timeToK8s(ctx context.Context, uuid string, begun time.Time, archive string) (map[string]float64, error) {
	marks := map[string]float64{}
	mark := func(name string) { marks[name] = time.Since(begun).Seconds() }
	config, err := s.client.Kubeconfig(ctx, uuid)
	if err != nil {
		return nil, err
	}
	mark(markCommand)
	k, err := newKubeAPI(config)
	if err != nil {
		return nil, err
	}
	defer k.close()
	is := func(path string) func() error {
		return func() error { return k.get(ctx, path, nil) }
	}
	if err := poll(ctx, patience, markAPI, is("/readyz")); err != nil {
		return nil, err
	}
	mark(markAPI)
	coreDNS := make(chan float64, 1)
	go func() {
		defer close(coreDNS)
		if poll(ctx, patience, markCoreDNS, func() error { return k.available(ctx, clusterNS, "coredns") }) == nil {
			coreDNS <- time.Since(begun).Seconds()
		}
	}()
	for _, svc := range [][2]string{{"default/services/kubernetes", markService}, {clusterNS + "/services/kube-dns", markDNSSvc}} {
		if err := poll(ctx, patience, svc[1], is("/api/v1/namespaces/"+svc[0])); err != nil {
			return nil, err
		}
		mark(svc[1])
	}
	if err := s.runProbe(ctx, k, uuid, archive); err != nil {
		return nil, err
	}
	mark(markApp)
	if err := s.lookUp(ctx, config); err != nil {
		return nil, err
	}
	mark(markDNS)
	at, ok := <-coreDNS
	if !ok {
		return nil, errors.New("CoreDNS did not become available")
	}
	marks[markCoreDNS] = at
	return marks, nil
}

// runProbe loads the image, as a user without a registry does, and runs a pod of it.
func (s *service) runProbe(ctx context.Context, k *kubeAPI, uuid, archive string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := s.client.LoadImage(ctx, uuid, f); err != nil {
		return err
	}
	pod := map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": probePod},
		"spec": map[string]any{
			"terminationGracePeriodSeconds": 0,
			"containers": []any{map[string]any{
				"name": "probe", "image": probeImage, "imagePullPolicy": "Never", "args": []string{"serve"},
			}},
		},
	}
	// A moment must pass until the namespace has its service account.
	err = poll(ctx, patience, "the pod is accepted", func() error { return k.post(ctx, "/api/v1/namespaces/default/pods", pod) })
	if err != nil {
		return err
	}
	return poll(ctx, patience, markApp, func() error {
		var p struct{ Status struct{ Phase string } }
		if err := k.get(ctx, "/api/v1/namespaces/default/pods/"+probePod, &p); err != nil {
			return err
		}
		if p.Status.Phase != "Running" {
			return errors.New("the pod is " + p.Status.Phase)
		}
		return nil
	})
}

// lookUp asks for a Service by its name in the pod until DNS answers.
func (s *service) lookUp(ctx context.Context, kubeconfig string) error {
	path := s.dir + "/kubeconfig"
	if err := os.WriteFile(path, []byte(kubeconfig), 0o600); err != nil {
		return err
	}
	return poll(ctx, patience, markDNS, func() error {
		// A query that is lost keeps a resolver waiting for five seconds, and
		// the question is when DNS answers.
		attempt, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		cmd := exec.CommandContext(attempt, s.kubectl(), "--kubeconfig", path, "exec", probePod, "--",
			"/probe", "lookup", "kubernetes.default.svc.cluster.local")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
		}
		return nil
	})
}
