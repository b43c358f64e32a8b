package magnum

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/kube"
)

// recordingEngine notes what it was asked for.
type recordingEngine struct {
	fail error

	mu      sync.Mutex
	created []*admission.ClusterPlan
	deleted []string
	loaded  []byte
	scripts []string
}

func (e *recordingEngine) CreateCluster(_ context.Context, plan *admission.ClusterPlan) (hanok.Cluster, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail != nil {
		return hanok.Cluster{}, e.fail
	}
	e.created = append(e.created, plan)
	c := plan.Cluster
	c.UUID = "5801ef8a-3760-4858-b467-fc4c1201241d"
	return c, nil
}

func (e *recordingEngine) DeleteCluster(_ context.Context, uuid string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deleted = append(e.deleted, uuid)
	return e.fail
}

func (e *recordingEngine) Kubeconfig(context.Context, string) (string, error) {
	return "apiVersion: v1\nkind: Config\n", e.fail
}

func (e *recordingEngine) CA(context.Context, string) ([]byte, error) {
	return []byte("-----BEGIN CERTIFICATE-----\n"), e.fail
}

func (e *recordingEngine) SetUserScript(_ context.Context, cluster, group, script string) (hanok.NodeGroup, error) {
	e.scripts = append(e.scripts, cluster+" "+group+" "+script)
	return hanok.NodeGroup{UUID: "018b2cf2-0b77-4c6c-9d73-7a3c47bb9c44"}, e.fail
}

func (e *recordingEngine) LoadImage(_ context.Context, _ string, archive io.Reader) ([]string, error) {
	var err error
	e.loaded, err = io.ReadAll(archive)
	return []string{"docker.io/library/app:1"}, err
}

// SignCertificate signs with an authority of its own.
func (e *recordingEngine) SignCertificate(_ context.Context, _ string, request []byte) ([]byte, error) {
	if e.fail != nil {
		return nil, e.fail
	}
	secrets, err := kube.NewSecrets("k8s", time.Now())
	if err != nil {
		return nil, err
	}
	ca, err := kube.LoadAuthority(secrets[kube.SecretCACert], secrets[kube.SecretCAKey])
	if err != nil {
		return nil, err
	}
	return ca.SignClient(request, time.Now())
}
